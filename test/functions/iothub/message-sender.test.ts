import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { ManualClock, mapPorts, startHub } from '@downlink/simulator';
import type { Delivery } from 'rhea';
import { until } from '../../support/until.ts';
import {
  aMessage,
  pauseTimers,
  refused,
  SEND_TIMEOUT_MS,
  startHubUnderTest,
} from './hub-under-test.ts';
import type { HubUnderTest } from './hub-under-test.ts';
import { startOddHub } from './odd-hub.ts';
import { connectIotHub } from '../../../functions/iothub/iothub.ts';

const TRANSFERS = { address: '/messages/devicebound' };

describe('MessageSender.send', () => {
  let server: HubUnderTest;

  beforeEach(async () => {
    server = await startHubUnderTest();
  });

  afterEach(async () => {
    jest.useRealTimers();
    await server.stop();
  });

  const send = async (...given: Parameters<typeof aMessage>) =>
    server.connect().sender.send(aMessage(...given));
  const transfers = (): number => server.seen('transfer', TRANSFERS);

  test('hands over every field, and the hub has them as they were', async () => {
    const expiresAt = Date.now() + 123_456;

    await send({
      messageId: '0198a5c2-7a9e-7cc3-98c4-dc0c0c07398f',
      correlationId: 'order:17',
      body: Buffer.from([0, 255, 128, 7]),
      contentType: 'application/octet-stream',
      contentEncoding: 'gzip',
      properties: { Property: 'PropMsg_0', empty: '' },
      ack: 'negative',
      expiresAt,
    });

    expect(server.hub.state.cloudToDevice.receive('device-1')?.message).toMatchObject({
      messageId: '0198a5c2-7a9e-7cc3-98c4-dc0c0c07398f',
      correlationId: 'order:17',
      body: Buffer.from([0, 255, 128, 7]),
      contentType: 'application/octet-stream',
      contentEncoding: 'gzip',
      properties: { Property: 'PropMsg_0', empty: '' },
      ack: 'negative',
      expiresAt,
    });
  });

  test('sends nothing for what is not given: some devices choke on an empty correlation id', async () => {
    await send({ body: new Uint8Array() });

    const message = server.hub.state.cloudToDevice.receive('device-1')?.message;
    expect(message?.body).toHaveLength(0);
    expect(Object.keys(message ?? {})).toEqual(
      expect.not.arrayContaining(['correlationId', 'contentType', 'contentEncoding']),
    );
  });

  test('keeps a message id that looks like a UUID as text', async () => {
    const messageId = 'a3bb189e-8bf9-3888-9912-ace4e6543002';

    await send({ messageId });

    expect(server.hub.state.cloudToDevice.receive('device-1')?.message.messageId).toBe(messageId);
  });

  test('reaches devices whose ids have to be encoded', async () => {
    const deviceId = "line 1?#%+(a):b,c=@;$'*!".replace(' ', '-');
    server.hub.state.registry.create({ deviceId });

    await send({ deviceId });

    expect(server.hub.state.cloudToDevice.count(deviceId)).toBe(1);
  });

  test.each(['Authorization', 'iothub-ack', 'iothub-to', 'IoThub-status', 'dt-subject'])(
    'refuses the property %s, which the SDK would not pass on as it is',
    async (name) => {
      const error = await refused(send({ properties: { [name]: '99999999999' } }));

      expect(error).toMatchObject({
        code: 'invalid-request',
        faults: [{ path: `body.properties.${name}`, message: expect.any(String) }],
      });
      expect(transfers()).toBe(0);
    },
  );

  describe('knows that the hub took nothing', () => {
    test('when it does not know the device', async () => {
      expect(await refused(send({ deviceId: 'nobody' }))).toMatchObject({
        code: 'device-not-found',
      });
    });

    test('when the device is disabled', async () => {
      server.hub.state.registry.create({ deviceId: 'off', status: 'disabled' });

      expect(await refused(send({ deviceId: 'off' }))).toMatchObject({ code: 'device-not-found' });
    });

    test('when 50 messages wait for the device', async () => {
      const { sender } = server.connect();
      for (let index = 0; index < 50; index++) {
        await sender.send(aMessage({ messageId: `message-${index}` }));
      }

      expect(await refused(sender.send(aMessage()))).toMatchObject({ code: 'device-queue-full' });
    });

    test('when the message is too large', async () => {
      expect(await refused(send({ body: Buffer.alloc(64 * 1024) }))).toMatchObject({
        code: 'message-too-large',
      });
    });

    test.each([
      ['amqp:not-found', 'device-not-found'],
      ['amqp:resource-limit-exceeded', 'device-queue-full'],
      ['amqp:link:message-size-exceeded', 'message-too-large'],
      ['com.microsoft:device-container-throttled', 'throttled'],
      ['com.microsoft:server-busy', 'throttled'],
      ['com.microsoft:quota-exceeded', 'quota-exceeded'],
      ['com.microsoft:argument-error', 'invalid-request'],
      ['com.microsoft:argument-out-of-range', 'invalid-request'],
      ['amqp:not-allowed', 'invalid-request'],
      ['amqp:not-implemented', 'invalid-request'],
      ['com.microsoft:iot-hub-suspended', 'hub-unavailable'],
      ['com.microsoft:iot-hub-not-found-error', 'hub-unavailable'],
      ['amqp:unauthorized-access', 'hub-unavailable'],
    ])('when it rejects with %s: %s', async (condition, code) => {
      const description = 'words of the hub';
      server.hub.faults.add('amqp-send', { kind: 'error', condition, description });

      const error = await refused(send());

      expect(error.code).toBe(code);
      expect(error.detail).not.toContain(description);
      expect(error.cause).toBeDefined();
    });

    test('when it throttles, and when to come back', async () => {
      server.hub.faults.add('amqp-send', {
        kind: 'error',
        condition: 'com.microsoft:device-container-throttled',
      });

      expect((await refused(send())).retryAfterSeconds).toBe(10);
    });

    test('when it takes a connection no more: a link is refused', async () => {
      server.hub.faults.add('amqp-attach', {
        kind: 'error',
        condition: 'amqp:resource-limit-exceeded',
      });

      // Not `device-queue-full`: there is no device yet.
      expect(await refused(send())).toMatchObject({ code: 'throttled' });
      expect(transfers()).toBe(0);
    });

    test.each([
      ['a wrong key', 'iothubowner', Buffer.from('wrong').toString('base64')],
      ['a policy that is not there', 'nobody', undefined],
      ['a policy that may not send', 'registryRead', undefined],
    ])(
      'when it refuses our credentials (%s), and names the setting',
      async (_what, keyName, key) => {
        const policy = server.hub.state.policies.find(keyName);
        const connectionString = `HostName=localhost;SharedAccessKeyName=${keyName};SharedAccessKey=${key ?? policy?.primaryKey ?? 'a2V5'}`;

        const error = await refused(server.connect({ connectionString }).sender.send(aMessage()));

        expect(error.code).toBe('hub-unavailable');
        expect(error.detail).toContain('DOWNLINK_IOTHUB_CONNECTION_STRING');
        expect(error.detail).not.toContain('a2V5');
      },
    );

    test.each(['amqp-put-token', 'amqp-attach'] as const)(
      'when the connection is cut at %s',
      async (point) => {
        server.hub.faults.add(point, { kind: 'drop-connection' });
        const { sender } = server.connect();

        const error = await refused(sender.send(aMessage()));

        expect(error.code).toBe('hub-unavailable');
        expect(transfers()).toBe(0);
        await sender.send(aMessage());
      },
    );

    test.each([
      ['amqp-put-token', 'transfer', { address: '/$cbs' }],
      ['amqp-attach', 'attach', TRANSFERS],
    ] as const)('when nothing answers at %s', async (point, event, detail) => {
      pauseTimers();
      server.hub.faults.add(point, { kind: 'no-answer' });
      const { sender } = server.connect();
      const sending = refused(sender.send(aMessage()));
      await until('the hub has it', () => server.seen(event, detail) === 1);

      jest.advanceTimersByTime(SEND_TIMEOUT_MS / 2);

      expect((await sending).code).toBe('hub-unavailable');
      expect(transfers()).toBe(0);
      await sender.send(aMessage());
    });

    test('when the hub gives no credit to send', async () => {
      const odd = await startOddHub({ credit: 0 });
      const iotHub = connectIotHub({ ...odd, sendTimeoutMs: 300, now: Date.now });

      expect(await refused(iotHub.sender.send(aMessage()))).toMatchObject({
        code: 'hub-unavailable',
      });
      await iotHub.close();
      await odd.stop();
    });

    test('when nobody listens, and keeps the reason for the log', async () => {
      const iotHub = server.connect();
      await server.hub.stop();

      const error = await refused(iotHub.sender.send(aMessage()));

      expect(error.code).toBe('hub-unavailable');
      expect(rootOf(error)).toMatchObject({ code: 'ECONNREFUSED' });
    });

    test('when the other side cannot prove who it is, at once and with the reason', async () => {
      const stranger = await startHub();
      const undoPorts = mapPorts({
        hostName: 'localhost',
        ports: { 5671: stranger.ports.amqp },
        certificateAuthorityPem: '',
      });

      const error = await refused(send());

      undoPorts();
      await stranger.stop();
      expect(error.code).toBe('hub-unavailable');
      expect(rootOf(error)).toMatchObject({ code: expect.stringMatching(/CERT|VERIFY/) });
    });

    test.each([
      ['released', (delivery: { release(): void }) => delivery.release()],
      ['modified', (delivery: { modified(): void }) => delivery.modified()],
      ['rejected without an error', (delivery: { reject(): void }) => delivery.reject()],
    ])('when the message is %s, which the SDK takes for success', async (_outcome, onMessage) => {
      const odd = await startOddHub({ onMessage });
      const iotHub = connectIotHub({ ...odd, sendTimeoutMs: 4_000, now: Date.now });

      const error = await refused(iotHub.sender.send(aMessage()));

      expect(error.code).toBe('hub-unavailable');
      await iotHub.close();
      await odd.stop();
    });
  });

  describe('does not know whether the hub took it', () => {
    test.each([
      'amqp:internal-error',
      'com.microsoft:timeout',
      'amqp:link:detach-forced',
      'com.microsoft:something-new',
    ])('when it rejects with %s', async (condition) => {
      server.hub.faults.add('amqp-send', { kind: 'error', condition });

      expect(await refused(send())).toMatchObject({ code: 'hub-outcome-unknown' });
      expect(transfers()).toBe(1);
    });

    test.each(['no-answer', 'accept-then-no-answer'] as const)(
      'when the transfer ends with %s; the next send goes over a new connection',
      async (kind) => {
        pauseTimers();
        const { sender } = server.connect();
        server.hub.faults.add('amqp-send', { kind });
        const sending = refused(sender.send(aMessage()));
        await until('the hub has it', () => transfers() === 1);

        jest.advanceTimersByTime(SEND_TIMEOUT_MS);

        expect((await sending).code).toBe('hub-outcome-unknown');
        await sender.send(aMessage({ messageId: 'next' }));
        expect(server.seen('open')).toBe(2);
      },
    );

    test('when the connection is cut; the next send goes over a new one', async () => {
      const { sender } = server.connect();
      server.hub.faults.add('amqp-send', { kind: 'drop-connection' });

      expect((await refused(sender.send(aMessage()))).code).toBe('hub-outcome-unknown');
      await sender.send(aMessage({ messageId: 'next' }));

      expect(server.seen('open')).toBe(2);
    });

    test.each(['amqp:link:detach-forced', 'amqp:unauthorized-access', 'amqp:not-found'])(
      'when its link is detached with %s, whatever that would mean for a message',
      async (condition) => {
        const { sender } = server.connect();
        server.hub.faults.add('amqp-send', { kind: 'no-answer' });
        const sending = refused(sender.send(aMessage()));
        await until('the hub has it', () => transfers() === 1);

        server.hub.amqp.detachLinks('/devicebound', condition);

        expect(await sending).toMatchObject({ code: 'hub-outcome-unknown' });
        await sender.send(aMessage({ messageId: 'next' }));
      },
    );
  });

  test('a message without an answer does not fail one that is with the hub beside it', async () => {
    pauseTimers();
    const deliveries: Delivery[] = [];
    const odd = await startOddHub({ onMessage: (delivery) => deliveries.push(delivery) });
    const iotHub = connectIotHub({ ...odd, sendTimeoutMs: SEND_TIMEOUT_MS, now: Date.now });
    const silent = refused(iotHub.sender.send(aMessage({ messageId: 'silent' })));
    await until('the hub has it', () => deliveries.length === 1);
    jest.advanceTimersByTime(SEND_TIMEOUT_MS - 100);
    const slow = iotHub.sender.send(aMessage({ messageId: 'slow' }));
    await until('the hub has both', () => deliveries.length === 2);

    jest.advanceTimersByTime(100);
    expect((await silent).code).toBe('hub-outcome-unknown');
    deliveries[1]?.accept();

    await expect(slow).resolves.toBeUndefined();
    jest.useRealTimers();
    await iotHub.close();
    await odd.stop();
  });

  test('goes over a new connection after a silence in which load balancers forget it', async () => {
    const clock = new ManualClock(Date.now());
    const { sender } = server.connect({ now: () => clock.now() });
    await sender.send(aMessage({ messageId: 'one' }));
    clock.advance(3 * 60_000);
    await sender.send(aMessage({ messageId: 'two' }));
    expect(server.seen('open')).toBe(1);

    clock.advance(5 * 60_000);
    await sender.send(aMessage({ messageId: 'three' }));

    expect(server.seen('open')).toBe(2);
    await until('the old one is closed', () => server.seen('close') === 1);
  });
});

function rootOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? rootOf(error.cause) : error;
}
