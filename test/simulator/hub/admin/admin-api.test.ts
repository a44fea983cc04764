import { connect, type TLSSocket } from 'node:tls';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { ManualClock, startHub, type SimulatedHub } from '../../../../simulator/index.ts';
import { until } from '../../../support/until.ts';
import { aMessage, HOUR } from '../state/builders.ts';
import { adminOf, tokenOf, type Admin } from './admin-client.ts';

const DEVICE = 'device-1';

let hub: SimulatedHub;
let admin: Admin;
beforeAll(async () => {
  hub = await startHub({ clock: new ManualClock(), devices: [{ deviceId: DEVICE }] });
  admin = adminOf(hub);
});
afterEach(async () => {
  await admin('POST /reset');
});
afterAll(() => hub.stop());

async function socketTo(port: number): Promise<TLSSocket> {
  const socket = connect({
    port,
    host: '127.0.0.1',
    ca: hub.certificateAuthorityPem,
    servername: 'localhost',
  });
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  return socket;
}

describe('The admin API', () => {
  test.each([
    ['no token', () => null],
    ["the service policy's token", () => tokenOf(hub, 'service')],
    ['a token of a policy that may write the registry', () => tokenOf(hub, 'registryReadWrite')],
    [
      'a token that nobody signed',
      () => 'SharedAccessSignature sr=localhost&sig=eA%3D%3D&se=1&skn=iothubowner',
    ],
  ])('refuses %s', async (_, token) => {
    const response = await admin('POST /reset', { token: token() });

    expect(response).toMatchObject({
      status: 401,
      contentType: 'application/problem+json; charset=utf-8',
      json: { status: 401 },
    });
  });

  test.each([
    ['GET /nothing', 404, 'not-found'],
    ['GET ', 404, 'not-found'],
    ['PUT /clock', 405, 'method-not-allowed'],
    ['GET /devices/nobody/queue', 404, 'device-not-found'],
    ['DELETE /faults/99', 404, 'not-found'],
    ['GET /log?after=-1', 400, 'invalid-request'],
    ['GET /log?protocol=coap', 400, 'invalid-request'],
    ['GET /devices?limit=0', 400, 'invalid-request'],
    ['GET /history?device=x', 400, 'invalid-request'],
  ])('answers %s with %i', async (line, status, code) => {
    expect(await admin(line)).toMatchObject({ status, json: { status, code } });
  });

  test('is reached however the dollar is written, and takes no other path', async () => {
    expect((await admin('GET //%24downlink/clock')).status).toBe(200);
    expect((await admin('GET //$downlinks/clock')).contentType).not.toContain('problem');
  });

  test('names every fault of a body at once', async () => {
    const body = { point: 'nowhere', effect: { kind: 'delay', ms: -1 }, times: 0, seed: 1, x: 1 };

    const response = await admin('POST /faults', { body });

    const { errors } = response.json as { errors: { path: string }[] };
    expect(errors.map(({ path }) => path).toSorted()).toEqual([
      'body',
      'body.effect.ms',
      'body.point',
      'body.seed',
      'body.times',
    ]);
    expect(hub.faults.list()).toEqual([]);
  });

  test.each(['{', '[]', '"x"', 'null', '{"advanceSeconds":-1}', '{"advanceSeconds":1e300}'])(
    'refuses to move the clock by %s',
    async (body) => {
      const before = hub.clock.now();

      expect((await admin('POST /clock', { body })).status).toBe(400);
      expect(hub.clock.now()).toBe(before);
    },
  );
});

describe('POST /$downlink/clock', () => {
  test('lets 48 hours pass for a message, and tells the sender', async () => {
    const start = hub.clock.now();
    const expiresAt = start + 48 * HOUR;
    hub.state.cloudToDevice.enqueue(DEVICE, aMessage({ messageId: 'old', expiresAt }));

    await admin('POST /clock', { body: { advanceSeconds: 48 * 3600 - 1 } });
    expect(hub.state.cloudToDevice.count(DEVICE)).toBe(1);
    const response = await admin('POST /clock', { body: { advanceSeconds: 1 } });

    const now = new Date(expiresAt).toISOString();
    expect(response.json).toEqual({ now, offsetSeconds: 48 * 3600 });
    expect((await admin('GET /clock')).json).toEqual(response.json);
    expect((await admin('GET /feedback')).json).toMatchObject({
      pending: [],
      batches: [
        { state: 'waiting', records: [{ originalMessageId: 'old', statusCode: 'Expired' }] },
      ],
    });
  });
});

describe('/$downlink/faults', () => {
  test('plans, lists, removes, and is not hit by what it plans', async () => {
    const effect = {
      kind: 'error',
      httpStatus: 429,
      code: 429001,
      condition: 'ThrottlingException',
    };
    const every = await admin('POST /faults', {
      body: { point: 'https-request', effect, times: 2 },
    });
    const chance = await admin('POST /faults', {
      body: { point: 'amqp-send', effect: { kind: 'no-answer' }, probability: 0.1, seed: 42 },
    });

    const { id } = every.json as { id: number };
    expect(every).toMatchObject({ status: 201, json: { effect, remaining: 2 } });
    expect(chance.json).toMatchObject({ probability: 0.1, seed: 42, remaining: null });
    expect((await admin('GET //devices?api-version=2021-04-12')).status).toBe(429);
    expect((await admin('GET /faults')).json).toEqual({
      items: [{ ...(every.json as object), remaining: 1 }, chance.json],
    });
    expect((await admin(`DELETE /faults/${id}`)).status).toBe(204);
    expect(hub.faults.list()).toHaveLength(1);
    expect((await admin('DELETE /faults')).status).toBe(204);
    expect(hub.faults.list()).toEqual([]);
  });
});

describe('Inspection', () => {
  test('shows a queue with locks and counts, and bodies only when asked', async () => {
    const { cloudToDevice } = hub.state;
    const body = Buffer.from('secret-body');
    const properties = { door: 'secret-property' };
    cloudToDevice.enqueue(DEVICE, aMessage({ messageId: 'a', body, properties }));
    cloudToDevice.enqueue(DEVICE, aMessage({ messageId: 'b' }));
    cloudToDevice.abandon(DEVICE, cloudToDevice.receive(DEVICE)?.lockToken ?? '');
    const lockToken = cloudToDevice.receive(DEVICE)?.lockToken ?? '';

    const plain = await admin(`GET /devices/${DEVICE}/queue`);
    const full = await admin(`GET /devices/${DEVICE}/queue?bodies=true`);

    const lockedUntil = new Date(hub.clock.now() + hub.state.settings.cloudToDevice.lockMs);
    expect(plain.json).toMatchObject({
      items: [
        {
          sequenceNumber: 1,
          messageId: 'a',
          state: 'locked',
          lockedUntil: lockedUntil.toISOString(),
          deliveryCount: 1,
          attempts: 2,
          bodyBytes: 11,
        },
        { sequenceNumber: 2, messageId: 'b', state: 'waiting', deliveryCount: 0, attempts: 0 },
      ],
    });
    expect(JSON.stringify(plain.json)).not.toMatch(
      new RegExp(`secret|${lockToken}|${body.toString('base64')}`),
    );
    expect(full.json).toMatchObject({
      items: [{ properties, bodyBase64: body.toString('base64') }, {}],
    });
  });

  test('pages through devices without their keys', async () => {
    hub.state.registry.create({ deviceId: 'device-2' });

    const first = await admin('GET /devices?limit=1');
    const { next } = first.json as { next: number };
    const second = await admin(`GET /devices?limit=1&after=${next}`);

    expect(first.json).toMatchObject({
      items: [{ deviceId: DEVICE, connectionState: 'Disconnected', queuedMessages: 0 }],
    });
    expect(second.json).toMatchObject({ items: [{ deviceId: 'device-2' }] });
    expect(second.json).not.toHaveProperty('next');
    const { primaryKey } = hub.state.registry.get(DEVICE);
    expect(JSON.stringify(first.json)).not.toContain(primaryKey);
  });

  test('reads on in the log from where it was, without itself', async () => {
    const { next } = (await admin('GET /log')).json as { next: number };
    await admin('GET //devices?api-version=2021-04-12');
    await admin('GET //devices/device-1?api-version=2021-04-12');

    const one = await admin(`GET /log?after=${next}&limit=1&protocol=https`);
    const rest = await admin(`GET /log?after=${(one.json as { next: number }).next}`);

    expect(one.json).toMatchObject({ items: [{ event: 'GET /devices', detail: { status: 200 } }] });
    expect(rest.json).toMatchObject({
      items: [{ event: 'GET /devices/{deviceId}' }],
      next: next + 2,
    });
    expect((await admin(`GET /log?after=${next}&protocol=mqtt`)).json).toEqual({ items: [], next });
  });

  test('shows modules with their device, and their queues', async () => {
    hub.state.registry.create({ deviceId: DEVICE, moduleId: 'pump' });
    hub.state.cloudToDevice.enqueue(`${DEVICE}/pump`, aMessage());

    const { json } = await admin('GET /devices');
    const queue = await admin(`GET /devices/${DEVICE}/modules/pump/queue`);

    expect(json).toMatchObject({
      items: [
        { deviceId: DEVICE, queuedMessages: 0, modules: [{ moduleId: 'pump', queuedMessages: 1 }] },
      ],
    });
    expect(queue.json).toMatchObject({ items: [{ sequenceNumber: 1 }] });
  });

  test('shows partitions, events, consumer groups and who reads', async () => {
    const { events } = hub.state;
    const appended = events.append(
      { entityId: 'device-1' },
      { body: Buffer.from('secret'), messageId: 'e-1', properties: { a: 'b' } },
    );
    const partition = events.partitions().find((each) => each.properties().lastSequenceNumber >= 0);
    const { leave } = Object(
      events.readers.join({
        consumerGroup: '$Default',
        partitionId: '0',
        ownerLevel: 3,
        position: () => 17,
        onStolen: () => {},
      }),
    );
    await admin('PUT /events/consumer-groups/reports');

    const { json: endpoint } = await admin('GET /events');
    const { json: plain } = await admin(`GET /events/${partition?.id}`);
    const { json: whole } = await admin(`GET /events/${partition?.id}?bodies=true`);
    const statuses = [
      await admin('PUT /events/consumer-groups/-'),
      await admin('DELETE /events/consumer-groups/reports'),
      await admin('DELETE /events/consumer-groups/reports'),
      await admin('GET /events/99'),
      await admin(`GET /events/${partition?.id}?limit=0`),
    ].map(({ status }) => status);
    leave();

    expect(endpoint).toMatchObject({
      name: 'iothub-ehub-localhost',
      consumerGroups: ['$Default', 'reports'],
      partitions: expect.arrayContaining([
        expect.objectContaining({ partitionId: partition?.id, isEmpty: false }),
      ]),
      readers: [{ consumerGroup: '$Default', ownerLevel: 3, sequenceNumber: 17 }],
    });
    expect(plain).toMatchObject({
      items: [{ deviceId: 'device-1', messageId: 'e-1', bodyBytes: 6 }],
      next: appended.sequenceNumber,
    });
    expect(JSON.stringify(plain)).not.toContain(Buffer.from('secret').toString('base64'));
    expect(whole).toMatchObject({
      items: [{ bodyBase64: Buffer.from('secret').toString('base64'), properties: { a: 'b' } }],
    });
    expect(statuses).toEqual([400, 204, 404, 404, 400]);
  });

  test('tells the history of one message', async () => {
    const { cloudToDevice } = hub.state;
    cloudToDevice.enqueue(DEVICE, aMessage({ messageId: 'a' }));
    cloudToDevice.enqueue(DEVICE, aMessage({ messageId: 'b' }));
    cloudToDevice.complete(DEVICE, cloudToDevice.receive(DEVICE)?.lockToken ?? '');

    const { json } = await admin(`GET /history?deviceId=${DEVICE}&messageId=a`);

    const at = new Date(hub.clock.now()).toISOString();
    expect(json).toMatchObject({
      items: ['enqueued', 'delivered', 'completed'].map((type) => ({ at, type, messageId: 'a' })),
    });
  });
});

describe('Connections', () => {
  test.each(['amqp', 'mqtt', 'https'] as const)(
    'of %s are dropped, and only those',
    async (protocol) => {
      const sockets = {
        amqp: await socketTo(hub.ports.amqp),
        mqtt: await socketTo(hub.ports.mqtt),
        https: await socketTo(hub.ports.https),
      };
      try {
        const { status } = await admin('POST /connections/drop', { body: { protocol } });

        await until('the connection is closed', () => sockets[protocol].closed);
        expect(status).toBe(204);
        const open = Object.entries(sockets).filter(([, socket]) => !socket.closed);
        expect(open.map(([name]) => name)).toEqual(
          ['amqp', 'mqtt', 'https'].filter((name) => name !== protocol),
        );
      } finally {
        for (const socket of Object.values(sockets)) socket.destroy();
      }
    },
  );

  test('take a close and a detach with the errors that were asked for', async () => {
    const condition = 'amqp:connection:forced';

    expect((await admin('POST /connections/close')).status).toBe(204);
    expect((await admin('POST /connections/close', { body: { condition } })).status).toBe(204);
    expect((await admin('POST /connections/close', { body: { reason: 'x' } })).status).toBe(400);
    expect((await admin('POST /links/detach', { body: { addressSuffix: '/x' } })).status).toBe(204);
    expect((await admin('POST /links/detach', { body: {} })).status).toBe(400);
  });
});

describe('/$downlink/snapshot', () => {
  test('brings back what was there, and drops who is connected', async () => {
    hub.state.cloudToDevice.enqueue(DEVICE, aMessage({ messageId: 'kept' }));
    hub.clock.advance(HOUR / 2);
    const { json: snapshot } = await admin('GET /snapshot');
    hub.state.cloudToDevice.purge(DEVICE);
    hub.state.registry.create({ deviceId: 'later' });
    hub.clock.advance(HOUR);
    const socket = await socketTo(hub.ports.mqtt);

    const { status } = await admin('PUT /snapshot', { body: snapshot });

    await until('the connection is closed', () => socket.closed);
    expect(status).toBe(204);
    expect((await admin('GET /snapshot')).json).toEqual(snapshot);
    expect(hub.state.cloudToDevice.receive(DEVICE)?.message.messageId).toBe('kept');
  });

  test('refuses one that is cut, or does not fit together, and changes nothing', async () => {
    const { json: before } = await admin('GET /snapshot');
    const homeless = { deviceId: 'nobody', lastSequenceNumber: 0, messages: [] };

    const cut = await admin('PUT /snapshot', {
      body: { ...(before as object), devices: undefined },
    });
    const torn = await admin('PUT /snapshot', {
      body: { ...(before as object), queues: [homeless] },
    });

    expect(cut).toMatchObject({ status: 400, json: { errors: [{ path: 'body.devices' }] } });
    expect(torn).toMatchObject({ status: 400, json: { code: 'invalid-request' } });
    expect((await admin('GET /snapshot')).json).toEqual(before);
  });
});

describe('POST /$downlink/reset', () => {
  test('goes back to the devices of the start with their keys, and forgets faults and time', async () => {
    const connectionString = hub.deviceConnectionString(DEVICE);
    const owner = hub.connectionString();
    hub.state.registry.delete(DEVICE);
    hub.state.registry.create({ deviceId: 'later' });
    hub.faults.add('mqtt-connect', { kind: 'no-answer' }, Infinity);
    hub.clock.advance(HOUR);

    const { status } = await admin('POST /reset');

    expect(status).toBe(204);
    expect((await admin('GET /devices')).json).toMatchObject({ items: [{ deviceId: DEVICE }] });
    expect([hub.deviceConnectionString(DEVICE), hub.connectionString()]).toEqual([
      connectionString,
      owner,
    ]);
    expect(hub.faults.list()).toEqual([]);
    expect(hub.clock.offsetMs).toBe(0);
  });
});
