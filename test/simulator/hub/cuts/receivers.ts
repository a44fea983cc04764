import { once } from 'node:events';
import https from 'node:https';
import tls from 'node:tls';
import mqttPacket from 'mqtt-packet';
import rhea from 'rhea';
import { RawAmqpClient } from '../amqp/raw-amqp-client.ts';

interface ReceiverOptions {
  readonly port: number;
  readonly ca: string;
  readonly deviceId: string;
  readonly token: string;
  /** Called before the message is completed. */
  readonly onMessage: (messageId: string) => void;
  /** Settles when nothing is left to receive. */
  readonly isDone: Promise<unknown>;
}

/** Receives and completes until nothing is left or the connection has died. */
export type Receiver = (options: ReceiverOptions) => Promise<void>;

async function overMqtt({ port, ca, deviceId, token, ...options }: ReceiverOptions): Promise<void> {
  const socket = tls.connect({ host: '127.0.0.1', servername: 'localhost', port, ca });
  socket.on('error', () => {});
  const closed = new Promise((resolve) => socket.once('close', resolve));
  const parser = mqttPacket.parser({ protocolVersion: 4 });
  socket.on('data', (bytes: Buffer) => parser.parse(bytes));
  parser.on('packet', (packet) => {
    if (packet.cmd !== 'publish') return;
    const bag = new URLSearchParams(packet.topic.slice(packet.topic.lastIndexOf('/') + 1));
    options.onMessage(bag.get('$.mid') ?? '');
    socket.write(mqttPacket.generate({ cmd: 'puback', messageId: packet.messageId ?? 0 }));
  });
  socket.once('secureConnect', () => {
    socket.write(
      mqttPacket.generate({
        cmd: 'connect',
        protocolId: 'MQTT',
        protocolVersion: 4,
        clean: false,
        clientId: deviceId,
        keepalive: 60,
        username: `localhost/${deviceId}/?api-version=2021-04-12`,
        password: Buffer.from(token),
      }),
    );
    const topic = `devices/${deviceId}/messages/devicebound/#`;
    const subscriptions = [{ topic, qos: 1 as const }];
    socket.write(mqttPacket.generate({ cmd: 'subscribe', messageId: 1, subscriptions }));
  });
  await Promise.race([closed, options.isDone]);
  socket.destroy();
  await closed;
}

async function overAmqp({ port, ca, deviceId, token, ...options }: ReceiverOptions): Promise<void> {
  const settings = {
    transport: 'tls',
    host: '127.0.0.1',
    servername: 'localhost',
    port,
    ca,
    reconnect: false,
  } as const;
  const connection = rhea.create_container().connect(settings);
  const { socket } = connection as unknown as { socket: tls.TLSSocket };
  const closed = new Promise((resolve) => socket.once('close', resolve));
  for (const event of ['error', 'connection_error', 'protocol_error', 'disconnected'])
    connection.on(event, () => {});
  connection.once('connection_open', () => {
    const cbs = connection.open_sender({ target: { address: '$cbs' } });
    cbs.once('sendable', () =>
      cbs.send({
        message_id: 'token',
        application_properties: {
          operation: 'put-token',
          type: 'servicebus.windows.net:sastoken',
          name: `localhost/devices/${deviceId}`,
        },
        body: token,
      }),
    );
    cbs.once('accepted', () =>
      connection.open_receiver({
        source: { address: `/devices/${deviceId}/messages/devicebound` },
        autoaccept: false,
        credit_window: 3,
      }),
    );
  });
  connection.on('message', ({ message, delivery }) => {
    options.onMessage(String(message?.message_id));
    delivery?.accept();
  });
  await Promise.race([closed, options.isDone]);
  new RawAmqpClient(connection).destroy();
  await closed;
}

async function overHttps({
  port,
  ca,
  deviceId,
  token,
  ...options
}: ReceiverOptions): Promise<void> {
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1, ca });
  const path = `/devices/${deviceId}/messages/devicebound`;
  const ask = async (method: string, to: string) => {
    const request = https.request({
      agent,
      host: '127.0.0.1',
      servername: 'localhost',
      port,
      method,
      path: `${to}?api-version=2021-04-12`,
      headers: { authorization: token },
    });
    request.end();
    const [response] = await once(request, 'response');
    response.resume();
    await once(response, 'close');
    return response;
  };
  try {
    for (;;) {
      const { statusCode, headers, complete } = await ask('GET', path);
      if (statusCode !== 200 || !complete) return;
      options.onMessage(headers['iothub-messageid']);
      await ask('DELETE', `${path}/${String(headers.etag).replaceAll('"', '')}`);
    }
  } catch {
    // The connection has died.
  } finally {
    agent.destroy();
  }
}

export const RECEIVERS: readonly (readonly [name: string, receive: Receiver])[] = [
  ['MQTT with QoS 1', overMqtt],
  ['AMQP', overAmqp],
  ['HTTPS', overHttps],
];
