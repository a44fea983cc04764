import { describe, expect, test } from '@jest/globals';
import { boundedWireLog } from '../../../simulator/hub/wire-log.ts';

describe('boundedWireLog', () => {
  test('keeps the newest entries, oldest first, with their time', () => {
    const log = boundedWireLog(2);

    for (const event of ['a', 'b', 'c']) log.record({ protocol: 'amqp', peer: 'p', event });

    expect(log.entries()).toMatchObject([{ event: 'b' }, { event: 'c' }]);
    expect(Math.abs(Date.now() - (log.entries()[0]?.at ?? 0))).toBeLessThan(10_000);
  });

  test('keeps payloads on demand only, and forgets them when it is told to', () => {
    const log = boundedWireLog(10);
    const payloads = () => ({ received: Buffer.from('on') });
    log.record({ protocol: 'mqtt', peer: 'p', event: 'before' }, payloads);
    log.keepsPayloads = true;
    log.record({ protocol: 'mqtt', peer: 'p', event: 'asked for' }, payloads);

    expect(log.entries().map((entry) => entry.payloads?.received?.toString())).toEqual([
      undefined,
      'on',
    ]);
    log.keepsPayloads = false;
    expect(log.entries().some((entry) => entry.payloads)).toBe(false);
  });

  test('keeps the newest payloads as far as there is room, and the entries of all', () => {
    const log = boundedWireLog(4, 10);
    log.keepsPayloads = true;
    const sizes = [4, 4, 4, 12, 0, 2];

    for (const size of sizes) {
      log.record({ protocol: 'amqp', peer: 'p', event: String(size) }, () => ({
        received: Buffer.alloc(size / 2),
        sent: Buffer.alloc(size / 2),
      }));
    }

    const kept = log.entries().map(({ event, payloads }) => `${event} ${payloads !== undefined}`);
    expect(kept).toEqual(['4 true', '12 false', '0 false', '2 true']);
  });
});
