import { once } from 'node:events';
import tls from 'node:tls';
import common from 'azure-iot-common';
import mqttPacket from 'mqtt-packet';
import { serveHelper, type ClientTask } from './helper-process.ts';

/** That shake hands at once. */
const CONCURRENCY = 100;
const CONNACK_ACCEPTED = Buffer.from([0x20, 0x02, 0x00, 0x00]);
const sockets: tls.TLSSocket[] = [];

export interface Connected {
  readonly failed: number;
  readonly elapsedMs: number;
}

/** Devices that say no more than CONNECT and SUBSCRIBE, and are held. */
await serveHelper(async (task): Promise<Connected> => {
  const secureContext = tls.createSecureContext({ ca: task.certificateAuthorityPem });
  const waiting = [...task.connectionStrings];
  let failed = 0;
  const start = performance.now();
  async function worker(): Promise<void> {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop())
      await connect(next, task, secureContext).catch(() => failed++);
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  return { failed, elapsedMs: performance.now() - start };
});

async function connect(
  connectionString: string,
  { ports }: ClientTask,
  secureContext: tls.SecureContext,
): Promise<void> {
  const { DeviceId: deviceId = '', SharedAccessKey: key = '' } =
    common.ConnectionString.parse(connectionString);
  const password = common.SharedAccessSignature.create(
    `localhost/devices/${deviceId}`,
    '',
    key,
    Math.floor(Date.now() / 1000) + 3600,
  ).toString();
  const socket = tls.connect({
    host: '127.0.0.1',
    servername: 'localhost',
    port: ports.mqtt,
    secureContext,
  });
  sockets.push(socket);
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  socket.write(
    Buffer.concat([
      mqttPacket.generate({
        cmd: 'connect',
        protocolId: 'MQTT',
        protocolVersion: 4,
        clean: false,
        clientId: deviceId,
        keepalive: 0,
        username: `localhost/${deviceId}/?api-version=2021-04-12`,
        password: Buffer.from(password),
      }),
      mqttPacket.generate({
        cmd: 'subscribe',
        messageId: 1,
        subscriptions: [
          { topic: `devices/${deviceId}/messages/devicebound/#`, qos: 1 },
          { topic: '$iothub/methods/POST/#', qos: 0 },
        ],
      }),
    ]),
  );
  let received = Buffer.alloc(0);
  // CONNACK of 4 bytes, SUBACK of 6.
  while (received.length < 10) {
    const [chunk] = await once(socket, 'data');
    received = Buffer.concat([received, chunk]);
  }
  if (!received.subarray(0, 4).equals(CONNACK_ACCEPTED)) throw new Error('refused');
}
