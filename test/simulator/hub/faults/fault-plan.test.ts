import { describe, expect, test } from '@jest/globals';
import { FaultPlan } from '../../../../simulator/hub/faults/fault-plan.ts';

describe('FaultPlan', () => {
  test('gives each fault as often as it was planned, in the order of planning', () => {
    const faults = new FaultPlan();
    faults.add('amqp-send', { kind: 'no-answer' }, 2);
    faults.add('amqp-send', { kind: 'delay', ms: 5 });

    expect(faults.remaining('amqp-send')).toBe(3);
    const taken = [1, 2, 3, 4].map(() => faults.take('amqp-send')?.kind);

    expect(taken).toEqual(['no-answer', 'no-answer', 'delay', undefined]);
    expect(faults.remaining('amqp-send')).toBe(0);
  });

  test('keeps the points apart', () => {
    const faults = new FaultPlan();
    faults.add('mqtt-connect', { kind: 'drop-connection' });

    expect(faults.take('amqp-attach')).toBeUndefined();
    expect(faults.take('mqtt-connect')).toEqual({ kind: 'drop-connection' });
  });

  test('forgets everything on request', () => {
    const faults = new FaultPlan();
    faults.add('https-request', { kind: 'no-answer' }, Infinity);
    expect(faults.take('https-request')).toEqual({ kind: 'no-answer' });

    faults.clear();

    expect(faults.take('https-request')).toBeUndefined();
  });
});

describe('A fault by chance', () => {
  const hits = (faults: FaultPlan): boolean[] =>
    Array.from({ length: 200 }, () => faults.take('amqp-send') !== undefined);

  test('hits the same operations for the same seed, and others for another', () => {
    const plans = [7, 7, 8].map((seed) => {
      const faults = new FaultPlan();
      faults.add('amqp-send', { kind: 'no-answer' }, { probability: 0.25, seed });
      return hits(faults);
    });

    expect(plans[1]).toEqual(plans[0]);
    expect(plans[2]).not.toEqual(plans[0]);
    const share = (plans[0] ?? []).filter(Boolean).length / 200;
    expect(share).toBeGreaterThan(0.15);
    expect(share).toBeLessThan(0.35);
  });

  test('happens as often as was allowed, and lets what was planned after it come when it spares', () => {
    const faults = new FaultPlan();
    faults.add('amqp-send', { kind: 'no-answer' }, { probability: 0.5, seed: 1, times: 3 });
    faults.add('amqp-send', { kind: 'drop-connection' }, Infinity);

    const kinds = Array.from({ length: 50 }, () => faults.take('amqp-send')?.kind);

    expect(kinds.filter((kind) => kind === 'no-answer')).toHaveLength(3);
    expect(kinds.filter((kind) => kind === 'drop-connection')).toHaveLength(47);
    expect(faults.list()).toMatchObject([{ effect: { kind: 'drop-connection' } }]);
  });

  test('tells its seed, to run the same again', () => {
    const faults = new FaultPlan();
    faults.add('amqp-send', { kind: 'no-answer' }, { probability: 0.5 });
    const seed = faults.list()[0]?.seed ?? -1;
    const again = new FaultPlan();
    again.add('amqp-send', { kind: 'no-answer' }, { probability: 0.5, seed });

    expect(hits(again)).toEqual(hits(faults));
  });
});

describe('A fault of one device', () => {
  test('spares the others, and those that nobody knows', () => {
    const faults = new FaultPlan();
    const effect = { kind: 'drop-connection' } as const;
    faults.add('device-event', effect, { deviceId: 'a', times: 2 });

    expect(faults.take('device-event', 'b')).toBeUndefined();
    expect(faults.take('device-event')).toBeUndefined();
    expect(faults.take('device-event', 'a')).toBe(effect);
    expect(faults.take('device-event', () => 'a')).toBe(effect);
    expect(faults.take('device-event', 'a')).toBeUndefined();
  });
});

describe('A fault that is not possible at its point', () => {
  test('is refused', () => {
    const faults = new FaultPlan();

    expect(() => faults.add('feedback-batch', { kind: 'no-answer' })).toThrow(
      "There is no 'no-answer' at 'feedback-batch'",
    );
    expect(faults.list()).toEqual([]);
  });
});

describe('FaultPlan.remove', () => {
  test('takes out one and leaves the others in order', () => {
    const faults = new FaultPlan();
    faults.add('https-request', { kind: 'delay', ms: 1 });
    const id = faults.add('amqp-send', { kind: 'delay', ms: 2 }, 2);
    faults.add('amqp-send', { kind: 'delay', ms: 3 });

    expect([faults.remove(id), faults.remove(id), faults.remove(99)]).toEqual([true, false, false]);

    expect(faults.list().map(({ effect }) => effect)).toEqual([
      { kind: 'delay', ms: 1 },
      { kind: 'delay', ms: 3 },
    ]);
  });
});
