import assert from 'node:assert/strict';
import { until } from '../support/until.ts';
import type { JournalEvent } from '@downlink/simulator';
import {
  EVERY_OCTET,
  pick,
  uniqueId,
  type Capability,
  type PlainMessage,
  type Stage,
} from './capability.ts';
import { SdkError } from './program.ts';

/** Largest message less what its properties take: https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-messages-construct */
const LARGE_BODY_BYTES = 63 * 1024;
/** Two seconds, and what a reconnection takes. */
const RENEWAL_MS = 3_200;
const BODY = Buffer.from('body').toString('base64');
const METHOD_MS = 10_000;

export const deviceCapabilities: readonly Capability[] = [
  {
    title: 'connects with its key',
    async run(stage) {
      await connect(stage);
      await stage.tell('disconnect');
    },
  },
  {
    title: 'is refused with a wrong key, at once',
    async run(stage) {
      const wrong = Buffer.alloc(32).toString('base64');
      await isTaken(stage);
      await isRefused({
        ...stage,
        connectionString: stage.connectionString.replace(/Key=.*/, `Key=${wrong}`),
      });
    },
  },
  {
    title: 'is refused when its identity is disabled',
    async run(stage) {
      await isTaken(stage);
      stage.hub.state.registry.update({ deviceId: stage.deviceId, status: 'disabled' }, '*');
      await isRefused(stage);
    },
  },
  {
    title: 'receives a message with its ids and properties',
    async run(stage) {
      const messageId = uniqueId('message');
      const properties = { temperature: '21', 'x-y': 'a%b&c' };
      await connect(stage, { receive: true });
      const message = { messageId, correlationId: 'correlation-1', properties };
      enqueue(stage, { ...message, body: Buffer.from('{"a":"ü"}') });
      const body = Buffer.from('{"a":"ü"}').toString('base64');
      assert.deepEqual(pick(await nextMessage(stage, 'complete'), { ...message, body }), {
        ...message,
        body,
      });
      await stage.tell('disconnect');
    },
  },
  {
    title: 'receives content type and encoding, and any octets',
    async run(stage) {
      const message = { contentType: 'application/x-any', contentEncoding: 'gzip' };
      await connect(stage, { receive: true });
      enqueue(stage, { ...message, body: EVERY_OCTET });
      const body = EVERY_OCTET.toString('base64');
      assert.deepEqual(pick(await nextMessage(stage, 'complete'), { ...message, body }), {
        ...message,
        body,
      });
      await stage.tell('disconnect');
    },
  },
  {
    title: 'receives a message of 63 KB, and an empty one',
    async run(stage) {
      const large = Buffer.alloc(LARGE_BODY_BYTES, 'x');
      await connect(stage, { receive: true });
      enqueue(stage, { body: large });
      enqueue(stage, { body: Buffer.alloc(0) });
      const bodies = [await nextMessage(stage, 'complete'), await nextMessage(stage, 'complete')];
      assert.deepEqual(
        bodies.map(({ body }) => body),
        [large.toString('base64'), ''],
      );
      await stage.tell('disconnect');
    },
  },
  {
    title: 'receives what was queued while it was away, in order',
    async run(stage) {
      for (const messageId of ['first', 'second', 'third']) enqueue(stage, { messageId });
      await connect(stage, { receive: true });
      for (const messageId of ['first', 'second', 'third']) {
        assert.equal((await nextMessage(stage, 'complete')).messageId, messageId);
      }
      await stage.tell('disconnect');
    },
  },
  {
    title: 'completes a message',
    run: (stage) => settles(stage, 'complete', 'completed'),
  },
  {
    title: 'rejects a message',
    run: (stage) => settles(stage, 'reject', 'rejected'),
  },
  {
    title: 'abandons a message and gets it again',
    async run(stage) {
      await connect(stage, { receive: true });
      enqueue(stage, { messageId: 'again' });
      await nextMessage(stage, 'abandon');
      assert.equal((await nextMessage(stage, 'complete')).messageId, 'again');
      await happened(stage, 'again', [
        'enqueued',
        'delivered',
        'abandoned',
        'delivered',
        'completed',
      ]);
      await stage.tell('disconnect');
    },
  },
  {
    title: 'answers direct methods; payloads arrive as they were',
    async run(stage) {
      await connect(stage);
      await stage.tell('answerMethod', { methodName: 'echo', status: 207, echo: true });
      for (const payload of [{}, { nested: [1, 'two', false] }, 'text', 7, [1, 2]]) {
        const result = await invoke(stage, 'echo', payload);
        assert.deepEqual(result, { status: 207, payload });
        assert.deepEqual(await stage.tell('nextMethod'), payload);
      }
      await stage.tell('disconnect');
    },
  },
  {
    title: 'answers a direct method called before it connected',
    async run(stage) {
      const [result] = await Promise.all([
        invoke(stage, 'late', { a: 1 }),
        connect(stage).then(() =>
          stage.tell('answerMethod', { methodName: 'late', status: 200, payload: { b: 2 } }),
        ),
      ]);
      assert.deepEqual(result, { status: 200, payload: { b: 2 } });
      await stage.tell('disconnect');
    },
  },
  {
    title: 'sends telemetry with its ids, content type and properties',
    async run(stage) {
      const message = {
        messageId: 'event-1',
        correlationId: 'correlation-1',
        contentType: 'application/json',
        contentEncoding: 'utf-8',
        properties: { alert: 'high', 'x-y': 'a%b&c' },
      };
      await connect(stage);
      await stage.tell('sendEvent', { ...message, body: EVERY_OCTET.toString('base64') });
      const expected = { ...message, body: EVERY_OCTET, deviceId: stage.deviceId };
      const [partition] = stage.hub.state.events.partitions();
      const event = await until('the event', () => partition?.after(-1));
      // Over AMQP the Java SDK adds who it is.
      const { 'iothub-connection-device-id': _device, ...properties } = event.properties;
      assert.deepEqual(pick({ ...event, properties }, expected), expected);
      await stage.tell('disconnect');
    },
  },
  {
    title: 'reads its twin',
    async run(stage) {
      const { hub, deviceId } = stage;
      hub.state.twins.patch(deviceId, { desired: { color: 'red', nested: { a: [1] } } });
      hub.state.twins.report(deviceId, { battery: 80 });
      await connect(stage);
      const { desired, reported } = (await stage.tell('getTwin')) as TwinProperties;
      assert.deepEqual(withoutMetadata(desired), { color: 'red', nested: { a: [1] }, $version: 2 });
      assert.deepEqual(withoutMetadata(reported), { battery: 80, $version: 2 });
      await stage.tell('disconnect');
    },
  },
  {
    title: 'reports properties, and removes one',
    async run(stage) {
      const { hub, deviceId } = stage;
      await connect(stage);
      await stage.tell('report', { patch: { firmware: '1.0', nested: { a: 1, b: 2 } } });
      await stage.tell('report', { patch: { firmware: '1.1', nested: { a: null } } });
      await until('the reported properties', () => {
        const { values } = hub.state.twins.get(deviceId).reported;
        return JSON.stringify(values) === '{"firmware":"1.1","nested":{"b":2}}';
      });
      await stage.tell('disconnect');
    },
  },
  {
    title: 'is told of desired properties',
    async run(stage) {
      const { hub, deviceId } = stage;
      await connect(stage);
      await stage.tell('followDesired');
      await followsDesired(stage);
      const { desired } = hub.state.twins.patch(deviceId, {
        desired: { nested: { a: 1 }, attempt: null },
      });
      const patch = await nextDesired(stage, ({ nested }) => nested !== undefined);
      assert.deepEqual(patch, { nested: { a: 1 }, attempt: null, $version: desired.version });
      await stage.tell('disconnect');
    },
  },
  {
    title: 'renews its token before it expires',
    async run(stage) {
      const start = Date.now();
      const { tokenSeconds } = await connect(stage, { receive: true, renewAfterSeconds: 2 });
      await until('the token was renewed', () => Date.now() > start + RENEWAL_MS);
      stage.wallClock.advance(Math.max(0, (tokenSeconds ?? 0) * 1000 + 500 - (Date.now() - start)));
      enqueue(stage, { messageId: 'later' });
      assert.equal((await nextMessage(stage, 'complete')).messageId, 'later');
      await stage.tell('disconnect');
    },
  },
  {
    title: 'comes back after the connection was lost',
    async run(stage) {
      await connect(stage, { receive: true });
      enqueue(stage, { messageId: 'before' });
      await nextMessage(stage, 'complete');
      // Not amid the handshakes of the first connection.
      await happened(stage, 'before', ['enqueued', 'delivered', 'completed']);
      stage.cutConnections();
      enqueue(stage, { messageId: 'after' });
      assert.equal((await nextMessage(stage, 'complete')).messageId, 'after');
      await stage.tell('disconnect');
    },
  },
];

interface TwinProperties {
  readonly desired: Record<string, unknown>;
  readonly reported: Record<string, unknown>;
}

async function connect(stage: Stage, how: object = {}): Promise<{ tokenSeconds?: number }> {
  const { connectionString } = stage;
  return (await stage.tell('connect', { connectionString, ...how })) ?? {};
}

/** So that a later refusal is for its reason and no other. */
async function isTaken(stage: Stage): Promise<void> {
  await connect(stage);
  await stage.tell('sendEvent', { properties: {}, body: BODY });
  await stage.tell('disconnect');
}

/** Some SDKs first speak to the hub when there is something to say. */
async function isRefused(stage: Stage): Promise<void> {
  await assert.rejects(async () => {
    await connect(stage);
    await stage.tell('sendEvent', { properties: {}, body: BODY });
  }, SdkError);
  await stage.tell('disconnect').catch(ignoreSdkError);
}

function ignoreSdkError(error: unknown): void {
  if (!(error instanceof SdkError)) throw error;
}

type NewMessage = Partial<Parameters<Stage['hub']['state']['cloudToDevice']['enqueue']>[1]>;

function enqueue({ hub, deviceId }: Stage, message: NewMessage): void {
  const to = `/devices/${deviceId}/messages/devicebound`;
  const rest = { properties: {}, body: Buffer.from('body'), ack: 'full' as const };
  hub.state.cloudToDevice.enqueue(deviceId, { to, ...rest, ...message });
}

async function nextMessage(stage: Stage, settle: string): Promise<PlainMessage> {
  const message = (await stage.tell('nextMessage', { settle })) as PlainMessage;
  // Over MQTT it comes in the property bag, and some SDKs take it for one of the application's.
  const { 'iothub-ack': _ack, ...properties } = message.properties;
  return { ...message, properties };
}

async function settles(stage: Stage, settle: string, end: JournalEvent['type']): Promise<void> {
  await connect(stage, { receive: true });
  enqueue(stage, { messageId: settle });
  await nextMessage(stage, settle);
  await happened(stage, settle, ['enqueued', 'delivered', end]);
  await stage.tell('disconnect');
}

async function happened(
  { hub, deviceId }: Stage,
  messageId: string,
  expected: readonly JournalEvent['type'][],
): Promise<void> {
  const history = () => hub.state.journal.events({ deviceId, messageId }).map(({ type }) => type);
  await until(`${expected.length} events`, () => history().length >= expected.length, 5_000).catch(
    () => {},
  );
  assert.deepEqual(history(), expected);
}

async function invoke(
  { hub, deviceId }: Stage,
  methodName: string,
  payload: unknown,
): Promise<{ status: number; payload: unknown }> {
  const result = await hub.state.methods.invoke({
    deviceId,
    methodName,
    payload: Buffer.from(JSON.stringify(payload)),
    responseTimeoutMs: METHOD_MS,
    // The device says that it takes methods without waiting for the hub to know.
    connectTimeoutMs: METHOD_MS,
  });
  return { status: result.status, payload: JSON.parse(result.payload.toString()) };
}

/** A change that comes before the device has subscribed is never notified: one after the other, until one is. */
async function followsDesired(stage: Stage): Promise<void> {
  const { hub, deviceId } = stage;
  let attempt = 0;
  const changing = setInterval(
    () => hub.state.twins.patch(deviceId, { desired: { attempt: ++attempt } }),
    100,
  );
  try {
    await stage.tell('nextDesired');
  } finally {
    clearInterval(changing);
  }
}

async function nextDesired(
  stage: Stage,
  isThe: (patch: Record<string, unknown>) => boolean,
): Promise<Record<string, unknown>> {
  for (;;) {
    const patch = (await stage.tell('nextDesired')) as Record<string, unknown>;
    if (isThe(patch)) return patch;
  }
}

/** Not every SDK hands it out. */
function withoutMetadata(properties: Record<string, unknown>): Record<string, unknown> {
  const { $metadata: _metadata, ...rest } = properties;
  return rest;
}
