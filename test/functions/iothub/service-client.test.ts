import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { until } from '../../support/until.ts';
import { aMessage, pauseTimers, startHubUnderTest } from './hub-under-test.ts';
import type { HubUnderTest } from './hub-under-test.ts';

describe('the service client', () => {
  let server: HubUnderTest;

  beforeEach(async () => {
    server = await startHubUnderTest();
  });

  afterEach(async () => {
    jest.useRealTimers();
    await server.stop();
  });

  const tokens = (): number => server.seen('transfer', { address: '/$cbs' });

  test('connects at the first send, and not before', async () => {
    const { sender } = server.connect();
    expect(server.hub.log.entries()).toEqual([]);

    await sender.send(aMessage());

    expect(server.seen('open')).toBe(1);
  });

  test('stays when the hub takes its new token', async () => {
    pauseTimers();
    const { sender } = server.connect();
    await sender.send(aMessage({ messageId: 'before' }));

    await passMinutes(45);
    await until('the token is renewed', () => tokens() === 2);
    await sender.send(aMessage({ messageId: 'after' }));

    expect(server.seen('open')).toBe(1);
  });

  test('is replaced when the hub refuses its new token', async () => {
    pauseTimers();
    const { sender } = server.connect();
    await sender.send(aMessage({ messageId: 'before' }));
    server.hub.faults.add('amqp-put-token', { kind: 'error', httpStatus: 401 });

    await passMinutes(45);
    await until('the renewal is refused', () => tokens() === 2);
    await until('it is replaced', async () => {
      await sender.send(aMessage({ messageId: 'after' }));
      return server.seen('open') === 2;
    });
    await until('the old one is closed', () => server.seen('close') === 1);
    expect(server.hub.state.cloudToDevice.count('device-1')).toBeGreaterThanOrEqual(2);
  });

  test.each([undefined, { condition: 'amqp:connection:forced' }])(
    'is replaced when the hub ends it (%j)',
    async (error) => {
      const { sender } = server.connect();
      await sender.send(aMessage({ messageId: 'before' }));

      server.hub.amqp.closeConnections(error);
      await until('it is noticed', () => server.seen('close', { by: 'client' }) === 1);
      await sender.send(aMessage({ messageId: 'after' }));

      expect(server.seen('open')).toBe(2);
    },
  );

  test('is replaced when its socket is cut', async () => {
    const { sender } = server.connect();
    await sender.send(aMessage({ messageId: 'before' }));

    server.hub.amqp.dropConnections();
    await sender.send(aMessage({ messageId: 'after' })).catch(() => undefined);
    await sender.send(aMessage({ messageId: 'again' }));

    expect(server.seen('open')).toBe(2);
  });

  test('ends with everything it holds, also when the hub does not say goodbye', async () => {
    const iotHub = server.connect({ bounds: { closeMs: 50 } });
    await iotHub.sender.send(aMessage());
    server.hub.amqp.closeConnections();

    await iotHub.close();

    await expect(iotHub.sender.send(aMessage())).rejects.toThrow('has been closed');
  });
});

/** In steps, between which heartbeats get through. */
async function passMinutes(minutes: number): Promise<void> {
  for (let minute = 0; minute < minutes; minute++) {
    jest.advanceTimersByTime(60_000);
    await sleep(2);
  }
}
