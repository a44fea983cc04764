import { describe, expect, test } from '@jest/globals';
import { toSdkMessage } from '../../../functions/iothub/to-sdk-message.ts';
import { MAX_MESSAGE_BYTES } from '../../../functions/messages/message.ts';
import type { OutgoingMessage } from '../../../functions/messages/message.ts';
import { sizeInBytes } from '../../../functions/messages/message-size.ts';
import { NOON } from '../../support/messages.ts';

const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

function aTracedMessage(overrides: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return {
    deviceId: 'device-1',
    messageId: 'message-1',
    body: new Uint8Array(),
    properties: {},
    ack: 'full',
    expiresAt: NOON,
    traceParent: TRACE,
    ...overrides,
  };
}

function propertiesOf(message: OutgoingMessage): Record<string, string> {
  const { properties } = toSdkMessage(message);
  const all = Array.from({ length: properties.count() }, (_, index) => properties.getItem(index));
  return Object.fromEntries(all.map(({ key, value }) => [key, value]));
}

describe('the trace of a message', () => {
  test('goes along as a property', () => {
    expect(propertiesOf(aTracedMessage())).toMatchObject({ traceparent: TRACE });
  });

  test('stands behind what the sender says', () => {
    const properties = { TraceParent: 'mine' };

    expect(propertiesOf(aTracedMessage({ properties }))).toMatchObject(properties);
    expect(propertiesOf(aTracedMessage({ properties }))).not.toHaveProperty('traceparent');
  });

  test('stays behind where the hub would refuse the message for its size', () => {
    const room = MAX_MESSAGE_BYTES - sizeInBytes(aTracedMessage());
    const bytes = 'traceparent'.length + TRACE.length;

    const fits = aTracedMessage({ body: new Uint8Array(room - bytes) });
    const full = aTracedMessage({ body: new Uint8Array(room - bytes + 1) });

    expect(propertiesOf(fits)).toHaveProperty('traceparent');
    expect(propertiesOf(full)).not.toHaveProperty('traceparent');
  });
});
