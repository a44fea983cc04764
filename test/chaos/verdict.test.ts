import { describe, expect, test } from '@jest/globals';
import type { Copy, CopyOutcome } from './hub-truth.ts';
import { triesAllowed, verdictOn } from './verdict.ts';
import type { FinalRecord, Told } from './verdict.ts';

const told: Told = { tries: 1, accepted: 1, enqueued: false };

function record(overrides: Partial<FinalRecord> = {}): FinalRecord {
  return { status: 'delivered', final: true, attempt: 1, details: [], ...overrides };
}

function copies(...outcomes: (CopyOutcome | undefined)[]): Copy[] {
  return outcomes.map((outcome, place) => {
    const copy: Copy = { messageId: 'command-1', deviceId: 'amqp-0', place, takenAtMs: place };
    if (outcome !== undefined) copy.outcome = outcome;
    return copy;
  });
}

describe('verdictOn', () => {
  test.each([
    ['full', 'delivered', copies('completed')],
    ['full', 'rejected', copies('rejected')],
    ['full', 'expired', copies('expired')],
    ['full', 'deliveryCountExceeded', copies('deliveryCountExceeded')],
    ['full', 'unknown', []],
    ['full', 'failed', []],
    ['positive', 'unknown', copies('rejected')],
    ['negative', 'unknown', copies('completed')],
    ['none', 'enqueued', copies('completed')],
  ] as const)('with ack %s, %s is right when the hub saw that', (ack, status, seen) => {
    expect(verdictOn({ ack, kind: 'message' }, told, record({ status }), seen)).toMatchObject({
      kind: 'right',
    });
  });

  test.each([
    ['full', 'unknown', copies('completed')],
    ['full', 'delivered', copies('rejected')],
    ['full', 'delivered', []],
    ['full', 'rejected', copies('completed')],
    ['full', 'failed', copies('completed')],
    ['full', 'expired', []],
    ['full', 'unknown', copies(undefined)],
    ['positive', 'enqueued', copies('completed')],
    ['none', 'enqueued', []],
    ['none', 'failed', copies('completed')],
  ] as const)('with ack %s, %s is wrong when the hub saw otherwise', (ack, status, seen) => {
    expect(verdictOn({ ack, kind: 'message' }, told, record({ status }), seen)).toMatchObject({
      kind: 'wrong state',
    });
  });

  test('of two copies that ended differently, the delivered one counts', () => {
    const seen = copies('expired', 'completed');

    const twice = { ...told, tries: 2 };

    expect(
      verdictOn({ ack: 'full', kind: 'message' }, twice, record({ attempt: 2 }), seen),
    ).toEqual({
      kind: 'right',
      copies: 'repeated in a documented window',
    });
    expect(
      verdictOn(
        { ack: 'full', kind: 'message' },
        twice,
        record({ attempt: 2, status: 'expired' }),
        seen,
      ),
    ).toMatchObject({ kind: 'wrong state' });
  });

  test.each([
    ['one attempt', 1, 2],
    ['two attempts within one lease', 2, 1],
  ])('two copies of %s are one too many', (_, attempt, tries) => {
    const seen = copies('completed', 'completed');

    expect(
      verdictOn({ ack: 'full', kind: 'message' }, { ...told, tries }, record({ attempt }), seen),
    ).toMatchObject({ kind: 'sent twice' });
  });

  test.each([
    ['a doubt that it tells of', record({ details: ['hub-outcome-unknown'] }), 1, 'right'],
    ['a crash, when its lease has ended', record(), 60_000, 'right'],
    ['nothing at all', record(), 1, 'sent twice'],
  ])('queued dispatch may repeat after %s', (_, stored, gapMs, kind) => {
    const seen = copies('completed', 'completed').map((copy) =>
      Object.assign(copy, { takenAtMs: copy.place * gapMs }),
    );

    expect(verdictOn({ ack: 'full', kind: 'queued' }, told, stored, seen)).toMatchObject({ kind });
  });

  test('what expired before the hand-over never reached the hub, and says so', () => {
    const details = ['It expired before the hand-over.'];

    expect(
      verdictOn({ ack: 'full', kind: 'message' }, told, record({ status: 'expired', details }), []),
    ).toMatchObject({ kind: 'right' });
  });

  test('what is still open in the end never became final', () => {
    const open = record({ status: 'enqueued', final: false });

    expect(
      verdictOn({ ack: 'full', kind: 'message' }, told, open, copies('completed')),
    ).toMatchObject({
      kind: 'never final',
    });
  });

  test.each([
    ['its caller was told that it is recorded', { ...told, accepted: 1 }, undefined, []],
    ['the hub took it', { ...told, accepted: 0 }, undefined, copies('completed')],
    [
      'its caller was told that the hub has it, and the hub never had',
      { ...told, enqueued: true },
      record({ status: 'unknown' }),
      [],
    ],
  ])('it is lost when %s', (_, said, stored, seen) => {
    expect(verdictOn({ ack: 'full', kind: 'message' }, said, stored, seen)).toMatchObject({
      kind: 'lost',
    });
  });

  test('what was never recorded, never promised and never sent is no fault', () => {
    expect(
      verdictOn({ ack: 'full', kind: 'message' }, { ...told, accepted: 0 }, undefined, []),
    ).toMatchObject({
      kind: 'right',
    });
  });
});

describe('triesAllowed', () => {
  const at = (startedAt: number, endedAt: number) => ({ startedAt, endedAt });

  test.each([
    ['two at the same time', [at(0, 10), at(0, 12)], 1],
    ['a repeat within the lease', [at(0, 10), at(500, 900)], 1],
    ['a repeat after the lease', [at(0, 10), at(1_000, 1_010)], 2],
    ['a repeat that was served after the lease', [at(0, 10), at(500, 1_200)], 2],
    [
      'three, each after the lease of the one before',
      [at(0, 1), at(1_000, 1_001), at(2_001, 2_002)],
      3,
    ],
  ])('%s', (_, requests, tries) => {
    expect(triesAllowed(requests, 1_000)).toBe(tries);
  });
});
