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
