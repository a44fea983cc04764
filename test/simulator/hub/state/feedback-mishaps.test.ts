import { describe, expect, test } from '@jest/globals';
import type { ManualClock } from '../../../../simulator/hub/state/clock.ts';
import type { FeedbackMishap } from '../../../../simulator/hub/state/feedback-mishap.ts';
import type { HubState } from '../../../../simulator/hub/state/hub-state.ts';
import { aHub, aMessage, SECOND } from './builders.ts';

interface Mishaps {
  /** By message id. */
  readonly records?: Readonly<Record<string, FeedbackMishap>>;
  /** Of the first batches. */
  readonly batches?: readonly (FeedbackMishap | undefined)[];
}

/** A hub that batches every so many records at once. */
function aHubWith(
  { records = {}, batches = [] }: Mishaps,
  batchSize = 1,
): { state: HubState; clock: ManualClock } {
  const hub = aHub({ feedback: { batchSize, intervalMs: SECOND } });
  const ofBatches = [...batches];
  hub.state.feedbackMishaps = {
    ofRecord: ({ originalMessageId }) => records[originalMessageId],
    ofBatch: () => ofBatches.shift(),
  };
  return hub;
}

function complete({ cloudToDevice }: HubState, ...messageIds: string[]): void {
  for (const messageId of messageIds) {
    cloudToDevice.enqueue('device-1', aMessage({ messageId }));
    const lockToken = cloudToDevice.receive('device-1')?.lockToken ?? '';
    cloudToDevice.complete('device-1', lockToken);
  }
}

/** The batches that wait, each settled, as the ids in them. */
function received({ feedback }: HubState): string[] {
  const batches: string[] = [];
  for (let batch = feedback.receive(); batch; batch = feedback.receive()) {
    batches.push(batch.records.map(({ originalMessageId }) => originalMessageId).join(' '));
    feedback.complete(batch.lockToken);
  }
  return batches;
}

describe('a record of feedback', () => {
  test.each([
    ['lose', ['a', 'c']],
    ['duplicate', ['a', 'b', 'b', 'c']],
    ['reorder', ['a', 'c', 'b']],
  ] as const)('that is to %s', (kind, batches) => {
    const { state } = aHubWith({ records: { b: { kind } } });

    complete(state, 'a', 'b', 'c');

    expect(received(state)).toEqual(batches);
  });

  test('that is delayed comes after its time, and is in a snapshot before', () => {
    const { state, clock } = aHubWith({ records: { b: { kind: 'delay', ms: 5 * SECOND } } });
    complete(state, 'a', 'b', 'c');

    expect(received(state)).toEqual(['a', 'c']);
    expect(state.snapshot().feedback.pending).toMatchObject([{ originalMessageId: 'b' }]);
    clock.advance(5 * SECOND - 1);
    expect(received(state)).toEqual([]);
    clock.advance(1);

    expect(received(state)).toEqual(['b']);
  });

  test.each([{ kind: 'delay', ms: SECOND }, { kind: 'reorder' }] as const)(
    'on its way by %j is gone with its device',
    (mishap) => {
      const { state, clock } = aHubWith({ records: { a: mishap } });
      complete(state, 'a');
      state.registry.delete('device-1');
      state.registry.create({ deviceId: 'device-1' });

      complete(state, 'b');
      clock.advance(SECOND);

      expect(received(state)).toEqual(['b']);
    },
  );
});

describe('a batch of feedback', () => {
  test.each([
    [{ kind: 'lose' }, ['c d', 'e']],
    [{ kind: 'duplicate' }, ['a b', 'c d', 'e', 'a b']],
    [{ kind: 'reorder' }, ['c d', 'e', 'b a']],
    [{ kind: 'delay', ms: SECOND }, ['c d', 'e']],
  ] as const)('with the mishap %j', (mishap, batches) => {
    const { state, clock } = aHubWith({ batches: [undefined, mishap] }, 2);
    // The first record ever waits for no other.
    complete(state, 'first');
    expect(received(state)).toEqual(['first']);
    complete(state, 'a', 'b', 'c', 'd', 'e');
    clock.advance(2 * SECOND);

    expect(received(state)).toEqual(batches);
    clock.advance(SECOND);
    expect(received(state)).toEqual(mishap.kind === 'delay' ? ['a b'] : []);
  });

  test('meets one mishap at most, whatever is planned', () => {
    const always = Array.from({ length: 100 }, (): FeedbackMishap => ({ kind: 'reorder' }));
    const { state } = aHubWith({ batches: always });

    complete(state, 'a', 'b');

    expect(received(state).toSorted()).toEqual(['a', 'b']);
  });

  test('that expires while it is delayed does not come', () => {
    const { state, clock } = aHubWith({ batches: [{ kind: 'delay', ms: 2 * 3_600_000 }] });
    complete(state, 'a');
    expect(received(state)).toEqual([]);

    clock.advance(3 * 3_600_000);

    expect(received(state)).toEqual([]);
    expect(state.feedback.counts()).toEqual({
      pendingRecords: 0,
      waitingBatches: 0,
      lockedBatches: 0,
    });
  });
});
