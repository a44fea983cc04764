import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { refused, reportSuccess, startHubUnderTest } from '../hub-under-test.ts';
import type { HubUnderTest } from '../hub-under-test.ts';
import { describeFeedbackSource } from './feedback-source-contract.ts';

const LOCK_MS = 60_000;

for (const maxLockedBatches of [1, 3]) {
  describeFeedbackSource(`rest with ${maxLockedBatches} batches at once`, async () => {
    const server = await startHubUnderTest({
      settings: { feedback: { intervalMs: 0, batchSize: 1, maxLockedBatches } },
    });
    return {
      newSource: () => server.connect({ feedbackSource: 'rest' }).feedback,
      report: (messageId) => reportSuccess(server.hub, messageId),
      batchesAtHub() {
        const { waitingBatches, lockedBatches } = server.hub.state.feedback.counts();
        return { waiting: waitingBatches, locked: lockedBatches };
      },
      maxLockedBatches,
      letLocksRunOut: () => server.hub.clock.advance(LOCK_MS),
      stop: async () => server.stop(),
    };
  });
}

describe('the REST feedback source', () => {
  let server: HubUnderTest;

  beforeEach(async () => {
    server = await startHubUnderTest({ settings: { feedback: { intervalMs: 0 } } });
  });
  afterEach(async () => {
    await server.stop();
  });

  const open = async () => server.connect({ feedbackSource: 'rest' }).feedback.open();
  const NOW = { waitMs: 0, maxBatches: 1 };

  test.each([
    ['refuses', { kind: 'error', httpStatus: 404 }],
    ['throttles', { kind: 'error', httpStatus: 429 }],
    ['fails', { kind: 'error', httpStatus: 500 }],
    ['breaks off', { kind: 'drop-connection' }],
  ] as const)('says that the hub is not there for it when it %s', async (_, effect) => {
    const session = await open();
    server.hub.faults.add('https-request', effect);

    expect(await refused(session.receive(NOW))).toMatchObject({ code: 'hub-unavailable' });
    expect(await session.receive(NOW)).toEqual([]);
  });

  test('cannot complete a batch whose lock has run out, and says so', async () => {
    reportSuccess(server.hub, 'message-1');
    const session = await open();
    const [batch] = await session.receive(NOW);
    server.hub.clock.advance(LOCK_MS);

    expect(batch && (await refused(batch.complete()))).toMatchObject({ code: 'hub-unavailable' });
    expect(await session.receive(NOW)).toHaveLength(1);
  });

  test('hands over what it has locked when the hub fails after it', async () => {
    const { state } = server.hub;
    reportSuccess(server.hub, 'message-1');
    const session = await open();
    const receiving = session.receive({ waitMs: 0, maxBatches: 2 });
    server.hub.faults.add('https-request', { kind: 'delay', ms: 1 });
    server.hub.faults.add('https-request', { kind: 'error', httpStatus: 500 });

    expect(await receiving).toHaveLength(1);
    expect(state.feedback.counts().lockedBatches).toBe(1);
  });
});
