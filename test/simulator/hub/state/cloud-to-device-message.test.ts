import { describe, expect, test } from '@jest/globals';
import {
  checkMessage,
  sizeInBytes,
} from '../../../../simulator/hub/state/cloud-to-device-message.ts';
import { aMessage, kindOf } from './builders.ts';

describe('sizeInBytes', () => {
  test('counts the body, system property values, names and values of properties, in UTF-8', () => {
    const message = aMessage({
      messageId: '12345',
      correlationId: '123',
      userId: 'ü',
      to: '/to',
      contentType: 'text/plain',
      contentEncoding: 'utf-8',
      body: Buffer.from('äöü'),
      properties: { name: 'value', flag: '' },
    });

    expect(sizeInBytes(message)).toBe(5 + 3 + 2 + 3 + 10 + 5 + 6 + 9 + 4);
  });
});

describe('checkMessage', () => {
  test('accepts every character that the service allows', () => {
    const properties = { "aZ09!#$%&'*+-.^_`|~": "aZ09!#$%&'*+-.^_`|~", empty: '' };
    const messageId = "aZ09-:.+%_#*?!(),=@;$'".padEnd(128, 'x');

    expect(() => checkMessage(aMessage({ messageId, properties }))).not.toThrow();
    expect(() => checkMessage(aMessage({ messageId: undefined as never }))).not.toThrow();
  });

  test.each([
    ['an empty message id', { messageId: '' }],
    ['a message id of 129 characters', { messageId: 'x'.repeat(129) }],
    ['a message id with a slash', { messageId: 'a/b' }],
    ['a message id with a line break at its end', { messageId: 'a\n' }],
    ['a correlation id beyond ASCII', { correlationId: 'ä' }],
    ['a property name with a space', { properties: { 'a b': 'c' } }],
    ['a property name with a colon', { properties: { 'a:b': 'c' } }],
    ['a property without a name', { properties: { '': 'c' } }],
    ['a property value with a space', { properties: { a: 'b c' } }],
    ['a property value with a line break', { properties: { a: 'b\r\nc: d' } }],
    ['an unknown acknowledgement', { ack: 'all' as 'full' }],
  ])('refuses %s', (_, changes) => {
    expect(kindOf(() => checkMessage(aMessage(changes)))).toBe('argumentInvalid');
  });
});
