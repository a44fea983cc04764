import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { routes } from '../../../../simulator/hub/https/routes.ts';
import { startAmqpHub, type AmqpHub } from '../amqp/amqp-hub.ts';
import { startTestHub, type TestHub } from '../https/a-hub.ts';

const POLICIES = ['iothubowner', 'service', 'device', 'registryRead', 'registryReadWrite'] as const;
const OWNER = 'iothubowner';
const READERS = [OWNER, 'registryRead', 'registryReadWrite'];
const WRITERS = [OWNER, 'registryReadWrite'];
const SERVICES = [OWNER, 'service'];
const DEVICES = [OWNER, 'device'];

/** https://learn.microsoft.com/azure/iot-hub/authenticate-authorize-sas#access-control-and-permissions */
const OPERATIONS: readonly [line: string, policies: readonly string[]][] = [
  ['GET /devices', READERS],
  ['GET /devices/{deviceId}', READERS],
  ['PUT /devices/{deviceId}', WRITERS],
  ['DELETE /devices/{deviceId}', WRITERS],
  ['POST /devices', WRITERS],
  ['GET /devices/{deviceId}/modules', READERS],
  ['GET /devices/{deviceId}/modules/{moduleId}', READERS],
  ['PUT /devices/{deviceId}/modules/{moduleId}', WRITERS],
  ['DELETE /devices/{deviceId}/modules/{moduleId}', WRITERS],
  ['GET /statistics/devices', READERS],
  ['GET /statistics/service', READERS],
  ['POST /devices/query', SERVICES],
  ['POST /twins/{deviceId}/methods', SERVICES],
  ['POST /twins/{deviceId}/modules/{moduleId}/methods', SERVICES],
  ['GET /twins/{deviceId}', SERVICES],
  ['PATCH /twins/{deviceId}', SERVICES],
  ['PUT /twins/{deviceId}', SERVICES],
  ['GET /twins/{deviceId}/modules/{moduleId}', SERVICES],
  ['PATCH /twins/{deviceId}/modules/{moduleId}', SERVICES],
  ['PUT /twins/{deviceId}/modules/{moduleId}', SERVICES],
  ['DELETE /devices/{deviceId}/commands', SERVICES],
  ['GET /messages/serviceBound/feedback', SERVICES],
  ['DELETE /messages/serviceBound/feedback/{lockToken}', SERVICES],
  ['POST /messages/serviceBound/feedback/{lockToken}/abandon', SERVICES],
  ['GET /devices/{deviceId}/messages/devicebound', DEVICES],
  ['DELETE /devices/{deviceId}/messages/devicebound/{lockToken}', DEVICES],
  ['POST /devices/{deviceId}/messages/devicebound/{lockToken}/abandon', DEVICES],
  ['POST /devices/{deviceId}/messages/events', DEVICES],
];

const LINKS: readonly [
  role: 'sender' | 'receiver',
  address: string,
  policies: readonly string[],
][] = [
  ['sender', '/messages/devicebound', SERVICES],
  ['receiver', '/messages/serviceBound/feedback', SERVICES],
  ['receiver', '/messages/serviceBound/filenotifications', SERVICES],
  ['receiver', '/messages/events/ConsumerGroups/$Default/Partitions/0', SERVICES],
  ['receiver', '/devices/device-1/messages/devicebound', DEVICES],
  ['sender', '/devices/device-1/messages/events', DEVICES],
  ['sender', '/devices/device-1/methods/devicebound', DEVICES],
  ['receiver', '/devices/device-1/twin', DEVICES],
];

describe('What a shared access policy lets do over HTTPS', () => {
  let hub: TestHub;
  beforeAll(async () => {
    hub = await startTestHub();
  });
  afterAll(() => hub.head.stop());

  test('is laid down here for every route of the hub', () => {
    const known = OPERATIONS.map(([line]) => line);

    expect(routes.map(({ method, path }) => `${method} ${path}`).toSorted()).toEqual(
      known.toSorted(),
    );
  });

  test.each(OPERATIONS)('%s: %s', async (line, policies) => {
    // Names that are not there: nothing is changed, and whoever may ask is told so.
    const request = line
      .replace('{deviceId}', /\/(messages|modules)/.test(line) ? 'device-1' : 'nobody')
      .replace(/\{\w+\}/g, 'nothing');
    const allowed: string[] = [];
    for (const policy of POLICIES) {
      const { status } = await hub.send(request, { policy, headers: { 'if-match': '"*"' } });
      if (status !== 401) allowed.push(policy);
    }

    expect(allowed).toEqual(policies);
  });
});

describe('What a shared access policy lets do over AMQP', () => {
  let hub: AmqpHub;
  beforeAll(async () => {
    hub = await startAmqpHub();
  });
  afterAll(() => hub.stop());

  test.each(LINKS)('%s %s: %s', async (role, address, policies) => {
    const allowed: string[] = [];
    for (const policyName of POLICIES) {
      const client = await hub.authorizedRawClient({ policyName });
      const link =
        role === 'sender'
          ? await client.attachSender(address)
          : await client.attachReceiver(address);
      // A link that is refused is attached without a terminus before it is detached.
      const end = role === 'sender' ? link.target : link.source;
      if (end?.address !== undefined) allowed.push(policyName);
    }

    expect(allowed).toEqual(policies);
  });

  test('ends for whoever comes with a key that was replaced', async () => {
    const { secondaryKey } = hub.policy('service');
    const before = hub.token();
    hub.state.policies.put('service', { primaryKey: Buffer.alloc(32, 7).toString('base64') });
    const client = await hub.rawClient();

    const statuses = [
      await client.putToken(before),
      await client.putToken(hub.token()),
      await client.putToken(hub.token({ key: secondaryKey })),
    ];

    expect(statuses.map(({ code }) => code)).toEqual([401, 200, 200]);
  });
});
