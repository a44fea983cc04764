import { describe, expect, test } from '@jest/globals';
import { parseFeedbackBatch } from '../../../../functions/iothub/feedback/feedback-batch.ts';

const RECORD = {
  originalMessageId: 'message-1',
  statusCode: 'Success',
  description: 'Success',
  deviceId: 'device-1',
  deviceGenerationId: '638000000000000000',
  enqueuedTimeUtc: '2026-03-01T12:00:00.1234567Z',
};
const parse = (value: unknown) => parseFeedbackBatch(Buffer.from(JSON.stringify(value)));

describe('parseFeedbackBatch', () => {
  test('reads a record, with the time of its outcome', () => {
    expect(parse([RECORD])).toEqual({
      records: [
        {
          messageId: 'message-1',
          deviceId: 'device-1',
          deviceGenerationId: '638000000000000000',
          outcome: 'Success',
          description: 'Success',
          at: Date.parse('2026-03-01T12:00:00.123Z'),
        },
      ],
      unreadable: [],
    });
  });

  test.each(['Success', 'Expired', 'DeliveryCountExceeded', 'Rejected', 'Purged'])(
    'knows the status %s',
    (statusCode) => {
      expect(parse([{ ...RECORD, statusCode }]).records[0]?.outcome).toBe(statusCode);
    },
  );

  test('does without what is only for information', () => {
    const { description: _, deviceGenerationId: __, ...bare } = RECORD;

    expect(parse([bare]).records).toEqual([
      expect.not.objectContaining({ description: expect.anything() }),
    ]);
    expect(parse([{ ...RECORD, description: null, deviceGenerationId: 7 }]).records).toHaveLength(
      1,
    );
  });

  test.each([
    ['2026-03-01T12:00:00', '2026-03-01T12:00:00.000Z'],
    ['2026-03-01T12:00:00.5', '2026-03-01T12:00:00.500Z'],
    ['2026-03-01T14:00:00+02:00', '2026-03-01T12:00:00.000Z'],
  ])('takes the time %s for UTC, whatever the zone of this machine', (enqueuedTimeUtc, at) => {
    expect(parse([{ ...RECORD, enqueuedTimeUtc }]).records[0]?.at).toBe(Date.parse(at));
  });

  test.each([
    ['record-is-not-an-object', null],
    ['record-is-not-an-object', 'text'],
    ['record-is-not-an-object', []],
    ['record-has-no-message-id', { ...RECORD, originalMessageId: undefined }],
    ['record-has-no-message-id', { ...RECORD, originalMessageId: '' }],
    ['record-has-no-message-id', { ...RECORD, originalMessageId: 12 }],
    ['record-has-no-device-id', { ...RECORD, deviceId: null }],
    ['record-has-an-unknown-status', { ...RECORD, statusCode: 'success' }],
    ['record-has-an-unknown-status', { ...RECORD, statusCode: 0 }],
    ['record-has-no-time', { ...RECORD, enqueuedTimeUtc: undefined }],
    ['record-has-no-time', { ...RECORD, enqueuedTimeUtc: 'soon' }],
    ['record-has-no-time', { ...RECORD, enqueuedTimeUtc: '2026-13-01T12:00:00Z' }],
    ['record-has-no-time', { ...RECORD, enqueuedTimeUtc: 1_772_366_400_000 }],
  ])('%s: leaves the record out, and reads those around it', (reason, bad) => {
    const good = [
      { ...RECORD, originalMessageId: 'a' },
      { ...RECORD, originalMessageId: 'b' },
    ];

    const { records, unreadable } = parse([good[0], bad, good[1]]);

    expect(records.map(({ messageId }) => messageId)).toEqual(['a', 'b']);
    expect(unreadable).toEqual([reason]);
  });

  test.each([
    ['batch-is-not-json', Buffer.from('[{"originalMessageId":')],
    ['batch-is-not-json', Buffer.alloc(0)],
    ['batch-is-not-json', Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d])],
    ['batch-is-not-an-array', Buffer.from('{"records":[]}')],
    ['batch-is-not-an-array', Buffer.from('null')],
  ])('%s: a batch without records', (reason, body) => {
    expect(parseFeedbackBatch(body)).toEqual({ records: [], unreadable: [reason] });
  });

  test('an empty batch holds nothing, and nothing unreadable', () => {
    expect(parse([])).toEqual({ records: [], unreadable: [] });
  });
});
