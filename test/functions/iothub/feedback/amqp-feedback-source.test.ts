import { ManualClock } from '@downlink/simulator';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import rhea from 'rhea';
import type { Sender } from 'rhea';
import { connectIotHub } from '../../../../functions/iothub/iothub.ts';
import { until } from '../../../support/until.ts';
import { pauseTimers, reportSuccess, refused, startHubUnderTest } from '../hub-under-test.ts';
import type { HubUnderTest } from '../hub-under-test.ts';
import { startOddHub } from '../odd-hub.ts';
import type { Oddities } from '../odd-hub.ts';
import { describeFeedbackSource } from './feedback-source-contract.ts';

const FEEDBACK = { address: '/messages/serviceBound/feedback' };
const PATIENT = { waitMs: 5_000, maxBatches: 1 };
const SHORT = { waitMs: 60, maxBatches: 10 };

for (const maxLockedBatches of [1, 3]) {
  describeFeedbackSource(`amqp with ${maxLockedBatches} batches at once`, async () => {
    const server = await startHubUnderTest({
      settings: { feedback: { intervalMs: 0, batchSize: 1, maxLockedBatches } },
    });
    return {
      newSource: () => server.connect().feedback,
      report: (messageId) => reportSuccess(server.hub, messageId),
      batchesAtHub() {
        const { waitingBatches, lockedBatches } = server.hub.state.feedback.counts();
        return { waiting: waitingBatches, locked: lockedBatches };
      },
      maxLockedBatches,
      stop: async () => server.stop(),
    };
  });
}

describe('the AMQP feedback source', () => {
  let server: HubUnderTest;

  beforeEach(async () => {
    server = await startHubUnderTest({ settings: { feedback: { intervalMs: 0 } } });
  });

  afterEach(async () => {
    jest.useRealTimers();
    await server.stop();
  });

  const attached = (): number => server.seen('attach', FEEDBACK);

  test('keeps its connection, and attaches a link for each session', async () => {
    const { feedback } = server.connect();
    for (let session = 0; session < 3; session++) await (await feedback.open()).close();

    expect(server.seen('open')).toBe(1);
    expect(attached()).toBe(3);
    await until('all are detached', () => server.seen('detach', FEEDBACK) === 3);
  });

  test('shares one connection among sessions that begin together', async () => {
    const { feedback } = server.connect();

    const sessions = await Promise.all([feedback.open(), feedback.open()]);

    expect(server.seen('open')).toBe(1);
    await Promise.all(sessions.map(async (session) => session.close()));
  });

  test('begins no session with a token that is half spent, and lets the running one end', async () => {
    const clock = new ManualClock(Date.now());
    const { feedback } = server.connect({ now: () => clock.now() });
    const running = await feedback.open();
    clock.advance(31 * 60_000);

    const next = await feedback.open();
    expect(server.seen('open')).toBe(2);
    expect(server.seen('close')).toBe(0);
    await running.close();

    await until('the old connection is closed', () => server.seen('close') === 1);
    await next.close();
  });

  test('finds out that its connection has died meanwhile, and takes another', async () => {
    const { feedback } = server.connect();
    await (await feedback.open()).close();
    server.hub.amqp.dropConnections();

    const session = await feedback.open();
    reportSuccess(server.hub, 'message-1');

    expect(await session.receive(PATIENT)).toHaveLength(1);
    await session.close();
  });

  test('takes another connection when the kept one answers no more', async () => {
    pauseTimers();
    const { feedback } = server.connect();
    await (await feedback.open()).close();
    server.hub.faults.add('amqp-attach', { kind: 'no-answer' });
    const opening = feedback.open();
    await until('the hub is asked', () => attached() === 2);

    jest.advanceTimersByTime(10_000);
    await (await opening).close();

    expect(server.seen('open')).toBe(2);
  });

  test.each([
    ['its socket is cut', (hub: HubUnderTest['hub']) => hub.amqp.dropConnections()],
    ['the hub closes', (hub: HubUnderTest['hub']) => hub.amqp.closeConnections()],
    [
      'its link is detached',
      (hub: HubUnderTest['hub']) => hub.amqp.detachLinks('/feedback', 'amqp:link:detach-forced'),
    ],
  ])('says at once when %s: to who waits, and to who completes', async (_what, breakOff) => {
    reportSuccess(server.hub, 'message-1');
    const { feedback } = server.connect();
    const session = await feedback.open();
    const [batch] = await session.receive(PATIENT);
    const waiting = session.receive({ waitMs: 60_000, maxBatches: 1 });

    breakOff(server.hub);

    await expect(waiting).rejects.toMatchObject({ code: 'hub-unavailable' });
    await expect(batch?.complete()).rejects.toMatchObject({ code: 'hub-unavailable' });
    await session.close();
    const next = await feedback.open();
    expect(await next.receive(PATIENT)).toMatchObject([{ records: [{ messageId: 'message-1' }] }]);
    await next.close();
  });

  test.each([
    ['a wrong key', 'iothubowner', 'a2V5'],
    ['a policy that may not read feedback', 'registryRead', undefined],
  ])('is refused with %s, and names the setting', async (_what, keyName, key) => {
    const policy = server.hub.state.policies.find(keyName);
    const connectionString = `HostName=localhost;SharedAccessKeyName=${keyName};SharedAccessKey=${key ?? policy?.primaryKey ?? ''}`;

    await expect(server.connect({ connectionString }).feedback.open()).rejects.toMatchObject({
      code: 'hub-unavailable',
      detail: expect.stringContaining('DOWNLINK_IOTHUB_CONNECTION_STRING'),
    });
  });

  test('keeps the connection when the hub refuses the link: throttled links are no reason to connect anew', async () => {
    const { feedback } = server.connect();
    const condition = 'com.microsoft:device-container-throttled';
    server.hub.faults.add('amqp-attach', { kind: 'error', condition });

    await expect(feedback.open()).rejects.toMatchObject({ code: 'hub-unavailable' });
    await (await feedback.open()).close();

    expect(server.seen('open')).toBe(1);
  });

  test('cannot be opened when the connection is cut at the token', async () => {
    const { feedback } = server.connect();
    server.hub.faults.add('amqp-put-token', { kind: 'drop-connection' });

    await expect(feedback.open()).rejects.toMatchObject({ code: 'hub-unavailable' });
    await (await feedback.open()).close();
  });

  test('cannot be opened when nothing answers the token', async () => {
    pauseTimers();
    const { feedback } = server.connect();
    server.hub.faults.add('amqp-put-token', { kind: 'no-answer' });
    const opening = refused(feedback.open());
    await until('the hub is asked', () => server.seen('transfer', { address: '/$cbs' }) === 1);

    jest.advanceTimersByTime(10_000);

    expect(await opening).toMatchObject({ code: 'hub-unavailable' });
    await (await feedback.open()).close();
  });

  test('cannot be opened when nobody listens', async () => {
    const { feedback } = server.connect();
    await server.hub.stop();

    await expect(feedback.open()).rejects.toMatchObject({ code: 'hub-unavailable' });
  });
});

describe('the AMQP feedback source before a hub that is odd', () => {
  let odd: Awaited<ReturnType<typeof startOddHub>>;
  let close: () => Promise<void>;

  afterEach(async () => {
    await close();
    await odd.stop();
  });

  async function openSession(
    oddities: Oddities,
    bounds: { drainMs?: number; settleMs?: number } = {},
  ) {
    odd = await startOddHub(oddities);
    const iotHub = connectIotHub({
      ...odd,
      sendTimeoutMs: 4_000,
      now: Date.now,
      bounds: { closeMs: 50, ...bounds },
    });
    close = async () => iotHub.close();
    return iotHub.feedback.open();
  }

  /** Sends each body with the first credit, and takes the rest of the credit back. */
  function sendOnce(...bodies: unknown[]): Pick<Oddities, 'onFeedbackFlow'> {
    return {
      onFeedbackFlow(sender: Sender) {
        for (const body of bodies.splice(0)) sender.send({ body });
        sender.set_drained(true);
      },
    };
  }

  const record = JSON.stringify([
    {
      originalMessageId: 'message-1',
      deviceId: 'device-1',
      statusCode: 'Success',
      enqueuedTimeUtc: '2026-03-01T12:00:00Z',
    },
  ]);

  test.each([
    ['one data section', rhea.message.data_section(Buffer.from(record))],
    [
      'several data sections',
      rhea.message.data_sections([Buffer.from(record.slice(0, 20)), Buffer.from(record.slice(20))]),
    ],
    ['bytes as a value', Buffer.from(record)],
    ['text as a value', record],
  ])('reads a batch that comes as %s', async (_form, body) => {
    const session = await openSession(sendOnce(body));

    expect(await session.receive({ waitMs: 5_000, maxBatches: 2 })).toMatchObject([
      { records: [{ messageId: 'message-1' }], unreadable: [] },
    ]);
    await session.close();
  });

  test.each([
    ['is not JSON', rhea.message.data_section(Buffer.from('<xml/>')), 'batch-is-not-json'],
    ['is a number', 7, 'batch-is-not-json'],
    ['has no body', undefined, 'batch-is-not-json'],
  ])('gives a batch that %s as unreadable, and can complete it', async (_what, body, reason) => {
    const session = await openSession(sendOnce(body));

    const [batch] = await session.receive({ waitMs: 5_000, maxBatches: 2 });

    expect(batch).toMatchObject({ records: [], unreadable: [reason] });
    await expect(batch?.complete()).resolves.toBeUndefined();
    await session.close();
  });

  test('loses nothing when the hub does not take its credit back, and sends late', async () => {
    let late: Sender | undefined;
    const oddities: Oddities = {
      onFeedbackFlow(sender) {
        late = sender;
      },
    };
    const session = await openSession(oddities, { drainMs: 50 });
    expect(await session.receive(SHORT)).toEqual([]);
    late?.send({ body: rhea.message.data_section(Buffer.from(record)) });

    const batches = await session.receive(PATIENT);

    expect(batches).toMatchObject([{ records: [{ messageId: 'message-1' }] }]);
    await expect(batches[0]?.complete()).resolves.toBeUndefined();
    await session.close();
  });

  test('does not take a batch for completed that the hub does not confirm', async () => {
    const oddities = {
      ...sendOnce(rhea.message.data_section(Buffer.from(record))),
      onFeedbackOutcome: () => undefined,
    };
    const session = await openSession(oddities, { settleMs: 50 });
    const [batch] = await session.receive(PATIENT);

    await expect(batch?.complete()).rejects.toMatchObject({ code: 'hub-unavailable' });
    await session.close();
  });
});
