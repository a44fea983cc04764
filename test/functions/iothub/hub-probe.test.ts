import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { until } from '../../support/until.ts';
import { aMessage, pauseTimers, refused, startHubUnderTest } from './hub-under-test.ts';
import type { HubUnderTest } from './hub-under-test.ts';

describe('HubProbe.check', () => {
  let server: HubUnderTest;

  beforeEach(async () => {
    server = await startHubUnderTest();
  });

  afterEach(async () => {
    jest.useRealTimers();
    await server.stop();
  });

  test('asks on the connection over which messages go, and uses no registry call', async () => {
    const { probe, sender } = server.connect();
    await probe.check();
    await sender.send(aMessage());
    await probe.check();

    expect(server.seen('open')).toBe(1);
    expect(server.hub.log.entries().filter(({ protocol }) => protocol === 'https')).toEqual([]);
  });

  test.each([
    ['refuses', { kind: 'error', httpStatus: 401 }],
    ['breaks off', { kind: 'drop-connection' }],
  ] as const)(
    'rejects when the hub %s, and answers well once the hub does',
    async (_what, effect) => {
      const { probe } = server.connect();
      await probe.check();
      server.hub.faults.add('amqp-put-token', effect);

      await expect(probe.check()).rejects.toMatchObject({ code: 'hub-unavailable' });
      await expect(probe.check()).resolves.toBeUndefined();
    },
  );

  test('rejects when the hub is silent, and does not ask on that connection again', async () => {
    pauseTimers();
    const { probe } = server.connect();
    await probe.check();
    server.hub.faults.add('amqp-put-token', { kind: 'no-answer' });
    const checking = refused(probe.check());
    await until('the hub is asked', () => server.seen('transfer', { address: '/$cbs' }) === 3);

    jest.advanceTimersByTime(5_000);

    expect(await checking).toMatchObject({ code: 'hub-unavailable' });
    await expect(probe.check()).resolves.toBeUndefined();
    expect(server.seen('open')).toBe(2);
  });

  test('names the setting when our credentials are refused', async () => {
    const connectionString = server.hub.connectionString().replace(/Key=.*$/, 'Key=a2V5');

    await expect(server.connect({ connectionString }).probe.check()).rejects.toMatchObject({
      code: 'hub-unavailable',
      detail: expect.stringContaining('DOWNLINK_IOTHUB_CONNECTION_STRING'),
    });
  });

  test('rejects when nobody listens', async () => {
    const { probe } = server.connect();
    await server.hub.stop();

    await expect(probe.check()).rejects.toMatchObject({ code: 'hub-unavailable' });
  });
});
