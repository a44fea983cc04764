import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { earliestEventPosition } from '@azure/event-hubs';
import common from 'azure-iot-common';
import rheaPromise from 'rhea-promise';
import type { Connection, EventContext } from 'rhea-promise';
import { startEventHub, type EventHub } from './event-hub.ts';

let eventHub: EventHub;
const connections: Connection[] = [];

beforeAll(async () => {
  eventHub = await startEventHub();
});
afterAll(async () => {
  await Promise.all(connections.map(async (each) => each.close()));
  await eventHub.stop();
});

function token(key: string, resource = 'localhost/messages/events'): string {
  const expiry = Math.floor(Date.now() / 1000) + 60;
  return common.SharedAccessSignature.create(
    encodeURIComponent(resource),
    'service',
    key,
    expiry,
  ).toString();
}

/** With the token as password, as samples do that start from the connection string of an IoT Hub. */
async function connect(password: string): Promise<Connection> {
  const connection = new rheaPromise.Connection({
    transport: 'tls',
    host: 'localhost',
    hostname: 'localhost',
    username: 'service@sas.root.localhost',
    password,
    port: 5671,
    reconnect: false,
  });
  await connection.open();
  connections.push(connection);
  return connection;
}

const keyOfService = (): string => eventHub.hub.state.policies.find('service')?.primaryKey ?? '';

describe('amqps://{hub}/messages/events/$management', () => {
  test('redirects to the Event Hubs-compatible endpoint', async () => {
    const connection = await connect(token(keyOfService()));

    const receiver = await connection.createReceiver({
      source: { address: 'amqps://localhost/messages/events/$management' },
    });
    const [context]: EventContext[] = await once(receiver, 'receiver_error');

    const { condition, info } = Object(context?.receiver?.error);
    const { hostname, address } = info;
    expect(condition).toBe('amqp:link:redirect');
    const entityPath = /5671\/(.*)\/\$management/i.exec(address)?.[1];
    const found = eventHub.client(
      `Endpoint=sb://${hostname}/;EntityPath=${entityPath};SharedAccessKeyName=service;SharedAccessKey=${keyOfService()}`,
    );
    eventHub.send('found');
    const reading = eventHub.read(found, earliestEventPosition);
    await reading.untilCount(1);
    await reading.close();
    expect(reading.texts()).toEqual(['found']);
  });

  test('is closed to those whose token is of another key', async () => {
    await expect(connect(token('d3Jvbmc='))).rejects.toMatchObject({
      message: expect.stringContaining('auth'),
    });
  });
});
