// azure-iot-device over one transport: node azure-iot-device.js mqtt|mqtt-ws|amqp|amqp-ws|http
import device from 'azure-iot-device';
import amqp from 'azure-iot-device-amqp';
import http from 'azure-iot-device-http';
import mqtt from 'azure-iot-device-mqtt';
import { Inbox, serve, versionOf } from './program.js';

const Transport = {
  mqtt: mqtt.Mqtt,
  'mqtt-ws': mqtt.MqttWs,
  amqp: amqp.Amqp,
  'amqp-ws': amqp.AmqpWs,
  http: http.Http,
}[process.argv[2]];

const TOKEN_SECONDS = 4;

let client;
let messages;
let methods;
let desired;
let twin;

async function clientFor({ connectionString, renewAfterSeconds, certificate, key }) {
  const { Client, ModuleClient, SharedAccessKeyAuthenticationProvider } = device;
  const Kind = connectionString.includes('ModuleId=') ? ModuleClient : Client;
  if (renewAfterSeconds === undefined) {
    const made = Kind.fromConnectionString(connectionString, Transport);
    if (certificate !== undefined) await made.setOptions({ cert: certificate, key });
    return made;
  }
  return Kind.fromAuthenticationProvider(
    SharedAccessKeyAuthenticationProvider.fromConnectionString(
      connectionString,
      TOKEN_SECONDS,
      TOKEN_SECONDS - renewAfterSeconds,
    ),
    Transport,
  );
}

function plain(message) {
  // Over HTTP the SDK leaves the header's prefix on the names of properties.
  const properties = message.properties.propertyList.map(({ key, value }) => [
    key.replace(/^iothub-app-/i, ''),
    value,
  ]);
  return {
    messageId: message.messageId,
    correlationId: message.correlationId,
    contentType: message.contentType,
    contentEncoding: message.contentEncoding,
    properties: Object.fromEntries(properties),
    body: Buffer.from(message.getData() ?? '').toString('base64'),
  };
}

await serve({
  version: () => versionOf('azure-iot-device'),

  async connect(parameters) {
    client = await clientFor(parameters);
    messages = new Inbox();
    methods = new Inbox();
    desired = new Inbox();
    // Before it is open: what waits for the device comes right after the connection is there.
    if (parameters.receive) client.on('message', (message) => messages.put(message));
    client.on('error', () => {});
    await client.open();
    return { tokenSeconds: TOKEN_SECONDS };
  },
  disconnect: () => client.close(),

  async nextMessage({ settle }) {
    const message = await messages.take();
    const settling = { complete: 'complete', reject: 'reject', abandon: 'abandon' }[settle];
    await client[settling](message);
    return plain(message);
  },

  answerMethod({ methodName, status, echo, payload }) {
    client.onDeviceMethod(methodName, async (request, response) => {
      methods.put(request.payload);
      await response.send(status, echo ? request.payload : payload);
    });
  },
  nextMethod: () => methods.take(),

  async sendEvent({ body, properties, ...system }) {
    const message = new device.Message(Buffer.from(body, 'base64'));
    Object.assign(message, system);
    for (const [name, value] of Object.entries(properties)) message.properties.add(name, value);
    await client.sendEvent(message);
  },

  async getTwin() {
    twin = await client.getTwin();
    const { desired: wanted, reported } = JSON.parse(JSON.stringify(twin.properties));
    return { desired: wanted, reported };
  },
  async followDesired() {
    twin = await client.getTwin();
    let first = true;
    // Called at once with what is there, and with each change after that.
    twin.on('properties.desired', (delta) => {
      if (!first) desired.put(delta);
      first = false;
    });
  },
  nextDesired: () => desired.take(),
  async report({ patch }) {
    twin = await client.getTwin();
    await new Promise((resolve, reject) =>
      twin.properties.reported.update(patch, (error) => (error ? reject(error) : resolve())),
    );
  },
});
