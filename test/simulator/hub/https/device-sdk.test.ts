import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import iotCommon from 'azure-iot-common';
import iotDevice, { type Client, type Message } from 'azure-iot-device';
import deviceHttp from 'azure-iot-device-http';
import { startHub, type SimulatedHub } from '../../../../simulator/hub/simulated-hub.ts';
import { mapPorts } from '../../../../simulator/loopback/map-ports.ts';
import { until } from '../../../support/until.ts';
import { aMessage, eventsOf } from '../state/builders.ts';

/** The official device SDK over HTTPS, which insists on port 443, against the hub. */
let hub: SimulatedHub;
let undo: () => void;
let client: Client;
const received: Message[] = [];

beforeAll(async () => {
  hub = await startHub({ devices: [{ deviceId: 'device-1' }] });
  undo = mapPorts({
    hostName: 'localhost',
    ports: { 443: hub.ports.https },
    certificateAuthorityPem: hub.certificateAuthorityPem,
  });
  client = iotDevice.Client.fromConnectionString(
    hub.deviceConnectionString('device-1'),
    deviceHttp.Http,
  );
  client.setRetryPolicy(new iotCommon.NoRetry());
  await client.setOptions({ http: { receivePolicy: { interval: 0.02 } } });
  client.on('message', (message: Message) => received.push(message));
  await client.open();
});
afterAll(async () => {
  await client.close();
  undo();
  await hub.stop();
});

async function delivered(messageId: string): Promise<Message> {
  const message = await until(`the message ${messageId}`, () =>
    received.find((each) => each.messageId === messageId),
  );
  received.splice(received.indexOf(message), 1);
  return message;
}

function history(messageId: string): string[] {
  return hub.state.journal.events({ messageId }).map(({ type }) => type);
}

describe("The device SDK's HTTPS transport", () => {
  test('receives a message with its properties and completes it', async () => {
    const properties = { alarm: 'on' };
    hub.state.cloudToDevice.enqueue('device-1', aMessage({ messageId: 'done', properties }));

    const message = await delivered('done');
    const result = await client.complete(message);

    expect(message.getData()).toBe('{"on":true}');
    expect(message.properties.getValue('iothub-app-alarm')).toBe('on');
    expect(result.constructor.name).toBe('MessageCompleted');
    expect(history('done')).toEqual(['enqueued', 'delivered', 'completed']);
  });

  test('abandons a message, receives it again and rejects it', async () => {
    hub.state.cloudToDevice.enqueue('device-1', aMessage({ messageId: 'no' }));

    await client.abandon(await delivered('no'));
    await client.reject(await delivered('no'));

    expect(history('no')).toEqual(['enqueued', 'delivered', 'abandoned', 'delivered', 'rejected']);
  });

  test('is told that the lock is lost', async () => {
    hub.state.cloudToDevice.enqueue('device-1', aMessage({ messageId: 'late' }));
    const message = await delivered('late');
    hub.state.cloudToDevice.purge('device-1');

    await expect(client.complete(message)).rejects.toMatchObject({
      response: { statusCode: 412 },
    });
  });

  test('sends events, one and many', async () => {
    const event = new iotDevice.Message('{"t":21}');
    event.properties.add('unit', 'C');
    Object.assign(event, {
      messageId: 'm-1',
      correlationId: 'c-1',
      contentType: 'application/json',
    });

    const one = await client.sendEvent(event);
    const many = await client.sendEventBatch([event, new iotDevice.Message('')]);

    expect([one, many].map((result) => result.constructor.name)).toEqual([
      'MessageEnqueued',
      'MessageEnqueued',
    ]);
    const body = Buffer.from('{"t":21}');
    const properties = { unit: 'C' };
    expect(eventsOf(hub.state)).toMatchObject([
      { body, properties, messageId: 'm-1', correlationId: 'c-1', contentType: 'application/json' },
      { body, properties },
      { body: Buffer.alloc(0), properties: {} },
    ]);
  });

  test('is refused with a wrong key', async () => {
    const text = hub.deviceConnectionString('device-1').replace(/Key=.*/, 'Key=');
    const stranger = iotDevice.Client.fromConnectionString(`${text}AAAA`, deviceHttp.Http);
    stranger.setRetryPolicy(new iotCommon.NoRetry());

    await expect(stranger.sendEvent(new iotDevice.Message('x'))).rejects.toThrow(
      iotCommon.errors.UnauthorizedError,
    );
    await stranger.close();
  });
});
