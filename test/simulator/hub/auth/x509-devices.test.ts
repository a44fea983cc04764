import { X509Certificate } from 'node:crypto';
import { Agent } from 'node:https';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import iotCommon from 'azure-iot-common';
import iotDevice, { type Client } from 'azure-iot-device';
import deviceAmqp from 'azure-iot-device-amqp';
import deviceHttp from 'azure-iot-device-http';
import deviceMqtt from 'azure-iot-device-mqtt';
import { startHub, type SimulatedHub } from '../../../../simulator/hub/simulated-hub.ts';
import { mapPorts } from '../../../../simulator/loopback/map-ports.ts';
import { aCertificate, type TestCertificate } from '../../../support/x509.ts';
import { signToken } from '../https/a-hub.ts';
import { aMessage } from '../state/builders.ts';

const TRANSPORTS = [
  ['Mqtt', deviceMqtt.Mqtt],
  ['MqttWs', deviceMqtt.MqttWs],
  ['Amqp', deviceAmqp.Amqp],
  ['AmqpWs', deviceAmqp.AmqpWs],
  ['Http', deviceHttp.Http],
] as const;
type Transport = (typeof TRANSPORTS)[number][1];

let hub: SimulatedHub;
let unmap: () => void;
let root: TestCertificate;
let intermediate: TestCertificate;
const certificates: Record<string, TestCertificate> = {};
const clients: Client[] = [];

beforeAll(async () => {
  root = await aCertificate('Root of the factory', { isAuthority: true });
  intermediate = await aCertificate('Line 1', { issuer: root, isAuthority: true });
  const past = { notBefore: new Date('2020-01-01'), notAfter: new Date('2021-01-01') };
  const stranger = await aCertificate('Root of a stranger', { isAuthority: true });
  Object.assign(certificates, {
    self: await aCertificate('any name'),
    other: await aCertificate('any name'),
    expiredSelf: await aCertificate('any name', past),
    signed: await aCertificate('signed', { issuer: root }),
    ofLine: await aCertificate('signed', { issuer: intermediate }),
    ofAnother: await aCertificate('another', { issuer: root }),
    ofStranger: await aCertificate('signed', { issuer: stranger }),
    expired: await aCertificate('signed', { issuer: root, ...past }),
  });
  hub = await startHub({
    devices: [
      {
        deviceId: 'self',
        x509Thumbprint: {
          primaryThumbprint: thumbprint('expiredSelf').toLowerCase(),
          secondaryThumbprint: thumbprint('self'),
        },
      },
      { deviceId: 'self-256', x509Thumbprint: { primaryThumbprint: thumbprint('self', true) } },
      { deviceId: 'signed', authenticationType: 'certificateAuthority' },
      { deviceId: 'keyed' },
      { deviceId: 'none', authenticationType: 'none' },
    ],
    certificateAuthorities: [{ name: 'factory', certificatePem: root.cert }],
  });
  unmap = mapPorts({
    hostName: 'localhost',
    ports: { 443: hub.ports.https, 5671: hub.ports.amqp, 8883: hub.ports.mqtt },
    certificateAuthorityPem: hub.certificateAuthorityPem,
  });
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});
afterAll(async () => {
  unmap();
  await hub.stop();
});

function certificate(name: string): TestCertificate {
  const found = certificates[name];
  if (!found) throw new Error(`There is no certificate '${name}'`);
  return found;
}

function thumbprint(name: string, isSha256 = false): string {
  const { fingerprint, fingerprint256 } = new X509Certificate(certificate(name).cert);
  return (isSha256 ? fingerprint256 : fingerprint).replaceAll(':', '');
}

async function aClient(
  transport: Transport,
  deviceId: string,
  { cert, key, agent }: { cert: string; key: string; agent?: Agent },
): Promise<Client> {
  const client = iotDevice.Client.fromConnectionString(
    `HostName=localhost;DeviceId=${deviceId};x509=true`,
    transport,
  );
  client.setRetryPolicy(new iotCommon.NoRetry());
  // Over HTTP the SDK never answers unless it is given a receive policy.
  await client.setOptions({
    cert,
    key,
    http: { receivePolicy: { interval: 1 }, ...(agent && { agent }) },
  });
  return client;
}

async function opened(client: Client): Promise<Client> {
  await client.open();
  clients.push(client);
  return client;
}

async function sendEvent(client: Client): Promise<string> {
  await opened(client);
  const result = await client.sendEvent(new iotCommon.Message('{}'));
  return result.constructor.name;
}

describe.each(TRANSPORTS)('A device with a certificate over %s', (_, transport) => {
  test.each([
    ['self-signed, of the secondary thumbprint', 'self', 'self'],
    ['self-signed, of a SHA-256 thumbprint', 'self-256', 'self'],
    ['signed by an authority of the hub', 'signed', 'signed'],
  ])('is let in: %s', async (_case, deviceId, name) => {
    const client = await aClient(transport, deviceId, certificate(name));

    expect(await sendEvent(client)).toBe('MessageEnqueued');
  });

  test('is let in with the intermediate that the device sends along', async () => {
    const { cert, key } = certificate('ofLine');
    const client = await aClient(transport, 'signed', { cert: cert + intermediate.cert, key });

    expect(await sendEvent(client)).toBe('MessageEnqueued');
  });

  test.each([
    ['of another thumbprint', 'self', 'other'],
    ['expired, though of the primary thumbprint', 'self', 'expiredSelf'],
    ['of another name', 'signed', 'ofAnother'],
    ['of an authority that the hub does not know', 'signed', 'ofStranger'],
    ['of an intermediate that was not sent along', 'signed', 'ofLine'],
    ['expired', 'signed', 'expired'],
    ['of a device with keys', 'keyed', 'self'],
    ['of a device that may not connect at all', 'none', 'self'],
    ['of a device that is not registered', 'nobody', 'self'],
  ])('is refused at once: %s', async (_case, deviceId, name) => {
    const client = await aClient(transport, deviceId, certificate(name));

    await expect(sendEvent(client)).rejects.toMatchObject({ name: 'UnauthorizedError' });
  });
});

describe('A device with a certificate', () => {
  test('receives and completes a message over AMQP', async () => {
    const client = await aClient(deviceAmqp.Amqp, 'signed', certificate('signed'));
    const received = new Promise<string | undefined>((resolve) => {
      client.on('message', (message: iotCommon.Message) => {
        void client.complete(message);
        resolve(message.messageId);
      });
    });
    hub.state.cloudToDevice.enqueue('signed', aMessage({ messageId: 'm-1' }));
    await opened(client);

    expect(await received).toBe('m-1');
  });

  test('cannot use a token in its place, not even one of an empty key', async () => {
    for (const deviceId of ['self', 'signed', 'none']) {
      const token = signToken(`localhost/devices/${deviceId}`, '');
      const client = iotDevice.Client.fromSharedAccessSignature(token, deviceMqtt.Mqtt);
      client.setRetryPolicy(new iotCommon.NoRetry());

      await expect(client.open()).rejects.toMatchObject({ name: 'UnauthorizedError' });
    }
  });

  test('is known again on a resumed TLS session, with its intermediate', async () => {
    const { cert, key } = certificate('ofLine');
    // Every request opens a connection of its own, and the agent keeps TLS sessions.
    const agent = new Agent({ keepAlive: false });
    const shown = { cert: cert + intermediate.cert, key };
    const client = await aClient(deviceHttp.Http, 'signed', { ...shown, agent });

    for (let request = 0; request < 3; request++) {
      expect(await sendEvent(client)).toBe('MessageEnqueued');
    }
  });
});
