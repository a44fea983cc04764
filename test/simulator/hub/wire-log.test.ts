import { describe, expect, test } from '@jest/globals';
import { boundedWireLog } from '../../../simulator/hub/wire-log.ts';

describe('boundedWireLog', () => {
  test('keeps the newest entries, oldest first, with their time', () => {
    const log = boundedWireLog(2);

    for (const event of ['a', 'b', 'c']) log.record({ protocol: 'amqp', peer: 'p', event });

    expect(log.entries()).toMatchObject([{ event: 'b' }, { event: 'c' }]);
    expect(Math.abs(Date.now() - (log.entries()[0]?.at ?? 0))).toBeLessThan(10_000);
  });
});
