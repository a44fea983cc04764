import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import type { FeedbackRecord } from '@downlink/simulator';
import { until } from '../support/until.ts';
import { EVERY_OCTET, pick, uniqueId, type Capability, type Stage } from './capability.ts';
import { SdkError } from './program.ts';

/** What the service takes at least. */
const RESPONSE_TIMEOUT_SECONDS = 5;
const RECOVERY_MS = 5_000;
const EXPIRY_MS = 60_000;
/** Largest message less what its properties take: https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-messages-construct */
const LARGE_BODY_BYTES = 63 * 1024;

export const serviceCapabilities: readonly Capability[] = [
  {
    title: 'connects with the key of a policy',
    async run(stage) {
      await connect(stage);
      await stage.tell('disconnect');
    },
  },
  {
    title: 'connects with a token made elsewhere',
    async run(stage) {
      await stage.tell('connectWithToken', {
        hostName: stage.hub.hostName,
        token: sharedAccessSignature(stage),
      });
      await send(stage);
      await stage.tell('disconnect');
    },
  },
  {
    title: 'is refused with a wrong key, at once',
    async run(stage) {
      const wrong = Buffer.alloc(32).toString('base64');
      const connectionString = stage.connectionString.replace(/Key=[^;]*$/, `Key=${wrong}`);
      // So that the refusal is for its reason and no other.
      await connect(stage);
      await send(stage);
      await stage.tell('disconnect');
      await assert.rejects(async () => {
        await stage.tell('connect', { connectionString });
        await send(stage);
      }, SdkError);
    },
  },
  {
    title: 'sends a message with ids, expiry, acknowledgement and properties',
    async run(stage) {
      const { hub, deviceId } = stage;
      const expiresAtMs = Math.floor(hub.clock.now() / 1000) * 1000 + 600_000;
      const message = {
        messageId: uniqueId('message'),
        correlationId: 'correlation-1',
        ack: 'full',
        properties: { temperature: '21', 'x-y': 'a%b&c' },
      };
      await connect(stage);
      await send(stage, { ...message, expiresAtMs, body: EVERY_OCTET.toString('base64') });
      const [queued] = hub.state.cloudToDevice.inspect(deviceId);
      const expected = { ...message, body: EVERY_OCTET, expiresAt: expiresAtMs };
      assert.deepEqual(pick(queued?.message, expected), expected);
      await stage.tell('disconnect');
    },
  },
  {
    title: 'sends content type and encoding',
    async run(stage) {
      const message = { contentType: 'application/x-any', contentEncoding: 'gzip' };
      await connect(stage);
      await send(stage, message);
      const [queued] = stage.hub.state.cloudToDevice.inspect(stage.deviceId);
      assert.deepEqual(pick(queued?.message, message), message);
      await stage.tell('disconnect');
    },
  },
  {
    title: 'sends 63 KB, and nothing',
    async run(stage) {
      const large = Buffer.alloc(LARGE_BODY_BYTES, 'x');
      await connect(stage);
      await send(stage, { body: large.toString('base64') });
      await send(stage, { body: '' });
      const queued = stage.hub.state.cloudToDevice.inspect(stage.deviceId);
      assert.deepEqual(
        queued.map(({ message }) => message.body),
        [large, Buffer.alloc(0)],
      );
      await stage.tell('disconnect');
    },
  },
  {
    title: 'is told when a device is unknown, and when its queue is full',
    async run(stage) {
      const { hub } = stage;
      await connect(stage);
      await assert.rejects(send({ ...stage, deviceId: uniqueId('unknown') }), SdkError);
      const { maxQueueDepth } = hub.state.settings.cloudToDevice;
      for (let count = 0; count < maxQueueDepth; count++) await send(stage);
      await assert.rejects(send(stage), SdkError);
      await stage.tell('disconnect');
    },
  },
  {
    title: 'receives feedback of all five kinds',
    async run(stage) {
      const { hub, deviceId } = stage;
      const { cloudToDevice } = hub.state;
      await connect(stage);
      await stage.tell('openFeedback');
      const take = () => cloudToDevice.receive(deviceId)?.lockToken ?? '';
      const ends: Record<FeedbackRecord['statusCode'], () => void> = {
        Success: () => cloudToDevice.complete(deviceId, take()),
        Rejected: () => cloudToDevice.reject(deviceId, take()),
        DeliveryCountExceeded() {
          while (cloudToDevice.count(deviceId) > 0) cloudToDevice.abandon(deviceId, take());
        },
        Purged: () => cloudToDevice.purge(deviceId),
        Expired: () => hub.clock.advance(EXPIRY_MS),
      };
      for (const [statusCode, end] of Object.entries(ends)) {
        const expiresAtMs = hub.clock.now() + EXPIRY_MS;
        await send(stage, { messageId: statusCode, ack: 'full', expiresAtMs });
        end();
        const records = (await stage.tell('nextFeedback')) as FeedbackRecord[];
        assert.deepEqual(
          records.map((record) =>
            pick(record, { originalMessageId: '', statusCode: '', deviceId }),
          ),
          [{ originalMessageId: statusCode, statusCode, deviceId }],
        );
      }
      await stage.tell('disconnect');
    },
  },
  {
    title: 'purges the queue of a device',
    async run(stage) {
      await connect(stage);
      await send(stage);
      await send(stage);
      assert.deepEqual(await stage.tell('purge', { deviceId: stage.deviceId }), 2);
      await stage.tell('disconnect');
    },
  },
  {
    title: 'calls a direct method; payloads arrive as they were',
    async run(stage) {
      const { hub, deviceId } = stage;
      const detach = hub.state.methods.attach(deviceId, ({ requestId, payload }) =>
        hub.state.methods.respond(deviceId, requestId, 207, payload),
      );
      await connect(stage);
      for (const payload of [{}, { nested: [1, 'two', false] }, 'text', 7, [1, 2]]) {
        assert.deepEqual(await invoke(stage, { payload }), { status: 207, payload });
      }
      await stage.tell('disconnect');
      detach();
    },
  },
  {
    title: 'calls a direct method and waits for the device to connect',
    async run(stage) {
      const { hub, deviceId } = stage;
      await connect(stage);
      const arrive = (): (() => void) =>
        hub.state.methods.attach(deviceId, ({ requestId }) =>
          hub.state.methods.respond(deviceId, requestId, 200, Buffer.from('{"b":2}')),
        );
      const [result, detach] = await Promise.all([
        invoke(stage, { payload: { a: 1 }, connectTimeoutInSeconds: 30 }),
        until('the call', () => hub.state.methods.inFlight(deviceId) > 0).then(arrive),
      ]);
      assert.deepEqual(result, { status: 200, payload: { b: 2 } });
      await stage.tell('disconnect');
      detach();
    },
  },
  {
    title: 'is told when a device is away, and when it does not answer in time',
    async run(stage) {
      const { hub, deviceId } = stage;
      await connect(stage);
      await assert.rejects(invoke(stage, { payload: {} }), SdkError);
      const detach = hub.state.methods.attach(deviceId, () =>
        hub.clock.advance(RESPONSE_TIMEOUT_SECONDS * 1000),
      );
      await assert.rejects(
        invoke(stage, { payload: {}, responseTimeoutInSeconds: RESPONSE_TIMEOUT_SECONDS }),
        SdkError,
      );
      await stage.tell('disconnect');
      detach();
    },
  },
  {
    title: 'creates, reads, changes and deletes a device',
    async run(stage) {
      const deviceId = uniqueId('made');
      const primaryKey = Buffer.alloc(32, 1).toString('base64');
      const secondaryKey = Buffer.alloc(32, 2).toString('base64');
      const device = { deviceId, status: 'enabled', primaryKey, secondaryKey };
      await connect(stage);
      const created = await stage.tell('createDevice', device);
      assert.deepEqual(pick(created, device), device);
      const read = await stage.tell('getDevice', { deviceId });
      assert.deepEqual(pick(read, device), device);
      const disabled = { ...device, status: 'disabled' };
      const updated = await stage.tell('updateDevice', disabled);
      assert.deepEqual(pick(updated, disabled), disabled);
      await stage.tell('deleteDevice', { deviceId });
      assert.equal(stage.hub.state.registry.find(deviceId), undefined);
      await stage.tell('disconnect');
    },
  },
  {
    title: 'reads a device whose id has every character that is allowed',
    async run(stage) {
      const deviceId = uniqueId("a:b.c+d%e_f#g*h?i!j(k),l=m@n;o$p'q");
      stage.hub.state.registry.create({ deviceId });
      await connect(stage);
      const read = await stage.tell('getDevice', { deviceId });
      assert.deepEqual(pick(read, { deviceId }), { deviceId });
      await stage.tell('disconnect');
    },
  },
  {
    title: 'lists devices',
    async run(stage) {
      await connect(stage);
      const listed = (await stage.tell('listDevices')) as string[];
      assert.deepEqual(
        listed,
        stage.hub.state.registry.list(1000).map(({ deviceId }) => deviceId),
      );
      await stage.tell('disconnect');
    },
  },
  {
    title: 'is told when a device is unknown, or registered already',
    async run(stage) {
      await connect(stage);
      await assert.rejects(stage.tell('getDevice', { deviceId: uniqueId('unknown') }), SdkError);
      const { primaryKey, secondaryKey } = stage.hub.state.registry.get(stage.deviceId);
      const taken = { deviceId: stage.deviceId, status: 'enabled', primaryKey, secondaryKey };
      await assert.rejects(stage.tell('createDevice', taken), SdkError);
      await stage.tell('disconnect');
    },
  },
  {
    title: 'registers devices in bulk, and is told which failed',
    async run(stage) {
      const { registry } = stage.hub.state;
      const deviceIds = [uniqueId('bulk'), uniqueId('bulk')];
      await connect(stage);
      const added = await stage.tell('addDevices', { deviceIds });
      assert.deepEqual(added, { isSuccessful: true, failed: [] });
      assert.ok(deviceIds.every((deviceId) => registry.find(deviceId)));
      const [taken = ''] = deviceIds;
      const failed = await stage.tell('addDevices', { deviceIds: [uniqueId('bulk'), taken] }).then(
        (again) => JSON.stringify(again),
        // Some hand the hub's answer to their caller as an error.
        (error: unknown) => String(error),
      );
      assert.match(failed, new RegExp(taken));
      await stage.tell('removeDevices', { deviceIds });
      assert.ok(deviceIds.every((deviceId) => !registry.find(deviceId)));
      await stage.tell('disconnect');
    },
  },
  {
    title: 'queries devices page by page',
    async run(stage) {
      const { registry } = stage.hub.state;
      for (let count = 0; count < 5; count++) registry.create({ deviceId: uniqueId('queried') });
      const all = registry.list(1000).map(({ deviceId }) => deviceId);
      await connect(stage);
      const pages = (await stage.tell('query', {
        query: 'SELECT * FROM devices',
        pageSize: 2,
      })) as string[][];
      assert.deepEqual(pages.flat(), all);
      assert.ok(pages.every((page) => page.length <= 2));
      await stage.tell('disconnect');
    },
  },
  {
    title: 'counts devices',
    async run(stage) {
      await connect(stage);
      assert.deepEqual(await stage.tell('statistics'), stage.hub.state.registry.size);
      await stage.tell('disconnect');
    },
  },
  {
    title: 'reads and changes a twin; a stale ETag is refused',
    async run(stage) {
      const { hub, deviceId } = stage;
      hub.state.twins.report(deviceId, { battery: 80 });
      await connect(stage);
      const before = (await stage.tell('getTwin', { deviceId })) as PlainTwin;
      const after = (await stage.tell('patchTwin', {
        deviceId,
        tags: { site: 'north' },
        desired: { color: 'red', nested: { a: 1 } },
        etag: before.etag,
      })) as PlainTwin;
      assert.deepEqual(after.tags, { site: 'north' });
      assert.deepEqual(pick(after.desired, { color: 'red', nested: { a: 1 } }), {
        color: 'red',
        nested: { a: 1 },
      });
      assert.deepEqual(pick(after.reported, { battery: 80 }), { battery: 80 });
      assert.notEqual(after.etag, before.etag);
      const stale = { deviceId, tags: {}, desired: { color: 'blue' }, etag: before.etag };
      await assert.rejects(stage.tell('patchTwin', stale), SdkError);
      assert.deepEqual(hub.state.twins.get(deviceId).desired.values, {
        color: 'red',
        nested: { a: 1 },
      });
      await stage.tell('disconnect');
    },
  },
  {
    title: 'creates, reads, lists and deletes a module',
    async run(stage) {
      const { deviceId } = stage;
      await connect(stage);
      const moduleId = uniqueId('module');
      await stage.tell('createModule', { deviceId, moduleId });
      assert.equal(await stage.tell('getModule', { deviceId, moduleId }), moduleId);
      assert.deepEqual(await stage.tell('listModules', { deviceId }), [moduleId]);
      await stage.tell('deleteModule', { deviceId, moduleId });
      assert.deepEqual(await stage.tell('listModules', { deviceId }), []);
      await stage.tell('disconnect');
    },
  },
  {
    title: 'sends again after the connection was lost',
    async run(stage) {
      await connect(stage);
      await send(stage);
      stage.cutConnections();
      // What is sent before an SDK has noticed may end its process (Node, over WebSockets).
      await stage.tell('noticeLoss');
      await until(
        'a message is sent',
        () =>
          send(stage).then(
            () => true,
            (error: unknown) => {
              if (!(error instanceof SdkError)) throw error;
            },
          ),
        RECOVERY_MS,
      );
      await stage.tell('disconnect');
    },
  },
];

interface PlainTwin {
  readonly tags: object;
  readonly desired: object;
  readonly reported: object;
  readonly etag: string;
}

async function connect(stage: Stage): Promise<void> {
  await stage.tell('connect', { connectionString: stage.connectionString });
}

async function send(stage: Stage, message: object = {}): Promise<void> {
  const body = Buffer.from('body').toString('base64');
  await stage.tell('send', { deviceId: stage.deviceId, body, properties: {}, ...message });
}

async function invoke(stage: Stage, call: object): Promise<unknown> {
  const { deviceId } = stage;
  const responseTimeoutInSeconds = 30;
  return stage.tell('invokeMethod', {
    deviceId,
    methodName: 'method',
    responseTimeoutInSeconds,
    connectTimeoutInSeconds: 0,
    ...call,
  });
}

function sharedAccessSignature({ hub }: Stage): string {
  const policyName = 'iothubowner';
  const key = hub.state.policies.find(policyName)?.primaryKey ?? '';
  const expiry = Math.floor(Date.now() / 1000) + 3600;
  const resource = encodeURIComponent(hub.hostName);
  const signature = createHmac('sha256', Buffer.from(key, 'base64'))
    .update(`${resource}\n${expiry}`)
    .digest('base64');
  return `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&se=${expiry}&skn=${policyName}`;
}
