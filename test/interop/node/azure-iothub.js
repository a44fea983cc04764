// azure-iothub: node azure-iothub.js amqp|amqp-ws (what has a REST route goes over HTTPS with either)
import common from 'azure-iot-common';
import iothub from 'azure-iothub';
import { Inbox, serve, versionOf } from './program.js';

const { Client, Registry } = iothub;
const Transport = { amqp: iothub.Amqp, 'amqp-ws': iothub.AmqpWs }[process.argv[2]];

let client;
let registry;
const feedback = new Inbox();
const losses = new Inbox();

const body = ({ responseBody }) => responseBody;
const plain = (value) => JSON.parse(JSON.stringify(value));
const identity = ({ deviceId, status, ...symmetricKey }) => ({
  deviceId,
  status,
  authentication: { symmetricKey },
});
const plainDevice = ({ deviceId, status, authentication }) => ({
  deviceId,
  status,
  ...authentication.symmetricKey,
});
const plainBulk = ({ isSuccessful, errors }) => ({
  isSuccessful,
  failed: errors.map(({ deviceId }) => deviceId),
});
const twinOf = ({ tags, properties, etag, version }) =>
  plain({ tags, desired: properties.desired, reported: properties.reported, etag, version });

await serve({
  version: () => versionOf('azure-iothub'),

  async connect({ connectionString }) {
    client = Client.fromConnectionString(connectionString, Transport);
    client.setRetryPolicy(new common.NoRetry());
    client.on('disconnect', () => losses.put());
    registry = Registry.fromConnectionString(connectionString);
    await client.open();
  },
  async connectWithToken({ token }) {
    client = Client.fromSharedAccessSignature(token, Transport);
    client.setRetryPolicy(new common.NoRetry());
    registry = Registry.fromSharedAccessSignature(token);
    await client.open();
  },
  disconnect: () => client.close(),
  noticeLoss: () => losses.take(),

  async send({ deviceId, body: base64, properties, expiresAtMs, ...system }) {
    const message = new common.Message(Buffer.from(base64, 'base64'));
    Object.assign(message, system);
    if (expiresAtMs !== undefined) message.expiryTimeUtc = expiresAtMs;
    for (const [name, value] of Object.entries(properties)) message.properties.add(name, value);
    await client.send(deviceId, message);
  },
  async openFeedback() {
    const { result } = await client.getFeedbackReceiver();
    result.on('message', ({ data }) => feedback.put(JSON.parse(data)));
  },
  nextFeedback: () => feedback.take(),

  async invokeMethod({ deviceId, moduleId, ...call }) {
    const { result } =
      moduleId === undefined
        ? await client.invokeDeviceMethod(deviceId, call)
        : await client.invokeDeviceMethod(deviceId, moduleId, call);
    return result;
  },

  createDevice: async (device) => plainDevice(body(await registry.create(identity(device)))),
  getDevice: async ({ deviceId }) => plainDevice(body(await registry.get(deviceId))),
  updateDevice: async (device) => plainDevice(body(await registry.update(identity(device)))),
  deleteDevice: async ({ deviceId }) => {
    await registry.delete(deviceId);
  },
  listDevices: async () => body(await registry.list()).map(({ deviceId }) => deviceId),
  addDevices: async ({ deviceIds }) =>
    plainBulk(body(await registry.addDevices(deviceIds.map((deviceId) => ({ deviceId }))))),
  removeDevices: async ({ deviceIds }) => {
    await registry.removeDevices(
      deviceIds.map((deviceId) => ({ deviceId })),
      true,
    );
  },
  statistics: async () => body(await registry.getRegistryStatistics()).totalDeviceCount,
  async query({ query, pageSize }) {
    const asked = registry.createQuery(query, pageSize);
    const pages = [];
    while (asked.hasMoreResults) {
      const { result } = await asked.nextAsTwin();
      pages.push(result.map(({ deviceId }) => deviceId));
    }
    return pages;
  },

  createModule: async (module) => {
    await registry.addModule(module);
  },
  getModule: async ({ deviceId, moduleId }) =>
    body(await registry.getModule(deviceId, moduleId)).moduleId,
  listModules: async ({ deviceId }) =>
    body(await registry.getModulesOnDevice(deviceId)).map(({ moduleId }) => moduleId),
  deleteModule: async ({ deviceId, moduleId }) => {
    await registry.removeModule(deviceId, moduleId);
  },

  getTwin: async ({ deviceId }) => twinOf(body(await registry.getTwin(deviceId))),
  patchTwin: async ({ deviceId, tags, desired, etag }) =>
    twinOf(body(await registry.updateTwin(deviceId, { tags, properties: { desired } }, etag))),
});
