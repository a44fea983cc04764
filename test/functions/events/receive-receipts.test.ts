import { describe, expect, test } from '@jest/globals';
import { InvocationContext } from '@azure/functions';
import { DownlinkError } from '../../../functions/errors.ts';
import { receiveReceiptsHandler } from '../../../functions/events/receive-receipts.ts';
import type { ReceiptRecord } from '../../../functions/messages/receipt.ts';

interface Event {
  readonly body?: unknown;
  readonly properties?: Record<string, unknown>;
  readonly system?: Record<string, unknown>;
}

const AT = '2026-03-01T12:00:00.123Z';
const SYSTEM = {
  'correlation-id': 'message-1',
  'iothub-connection-device-id': 'device-1',
  'iothub-enqueuedtime': AT,
};

/** What the handler makes of events, and the lines that it logs. */
async function receive(events: readonly Event[], error?: Error) {
  const receipts: ReceiptRecord[] = [];
  const lines: string[] = [];
  const handler = receiveReceiptsHandler(async (given) => {
    if (error) throw error;
    receipts.push(...given);
    return { recorded: given.length, duplicates: 0, notOurs: 0, tooOld: 0 };
  });
  const context = new InvocationContext({
    functionName: 'receiveReceipts',
    logHandler: (_level, ...parts) => lines.push(parts.map(String).join(' ')),
    triggerMetadata: {
      propertiesArray: events.map(({ properties = {} }) => properties),
      systemPropertiesArray: events.map(({ system = SYSTEM }) => system),
      enqueuedTimeUtcArray: events.map(() => '2026-03-01T13:00:00Z'),
    },
  });
  await handler(
    events.map(({ body }) => body),
    context,
  );
  return { receipts, lines };
}

describe('receiveReceipts', () => {
  test('takes the receipts out of the telemetry, each with its body', async () => {
    const { receipts, lines } = await receive([
      { body: { t: 21 } },
      { body: { turned: 'on' }, properties: { 'downlink-receipt': 'ok' } },
      { body: 'jammed', properties: { 'downlink-receipt': 'error', other: 1 } },
    ]);

    const receipt = { deviceId: 'device-1', messageId: 'message-1', at: Date.parse(AT) };
    expect(receipts).toEqual([
      { ...receipt, outcome: 'ok', body: { turned: 'on' } },
      { ...receipt, outcome: 'error', body: 'jammed' },
    ]);
    expect(lines).toEqual([expect.stringMatching(/^receipts\.recorded .*"recorded":2/)]);
    expect(lines.join()).not.toContain('jammed');
  });

  test('says nothing of telemetry alone', async () => {
    expect(await receive([{ body: 1 }, { body: 2 }])).toEqual({ receipts: [], lines: [] });
  });

  test('takes the time at the event hub where the IoT Hub’s is not told', async () => {
    const { 'iothub-enqueuedtime': _notTold, ...system } = SYSTEM;
    const properties = { 'downlink-receipt': 'ok' };

    const { receipts } = await receive([{ properties, system }]);

    expect(receipts[0]?.at).toBe(Date.parse('2026-03-01T13:00:00Z'));
  });

  test.each<[string, Event]>([
    ['an outcome that is none', { properties: { 'downlink-receipt': 'maybe' } }],
    ['no correlation id', { system: { ...SYSTEM, 'correlation-id': undefined } }],
    ['a correlation id that is no text', { system: { ...SYSTEM, 'correlation-id': { a: 1 } } }],
    ['no device', { system: { ...SYSTEM, 'iothub-connection-device-id': undefined } }],
    ['a time that is none', { system: { ...SYSTEM, 'iothub-enqueuedtime': 'noon' } }],
  ])('counts one with %s, and takes the others', async (_, event) => {
    const good = { properties: { 'downlink-receipt': 'ok' } };

    const { receipts, lines } = await receive([{ ...good, ...event }, good]);

    expect(receipts).toHaveLength(1);
    expect(lines[0]).toContain('"unreadable":1');
  });

  test('fails when storage is away, so that the host tries again', async () => {
    const away = new DownlinkError('storage-unavailable', 'away');

    await expect(receive([{ properties: { 'downlink-receipt': 'ok' } }], away)).rejects.toBe(away);
  });
});
