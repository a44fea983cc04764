import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { SimulatedHub } from '@downlink/simulator';
import { DownlinkError } from '../../../functions/errors.ts';
import { until } from '../../support/until.ts';
import { aMessage, pauseTimers, startHubUnderTest } from './hub-under-test.ts';
import type { HubUnderTest } from './hub-under-test.ts';

/** The SDK's own way out of a connection leaves timers of this length behind, some of which throw. */
const SDK_GIVES_UP_MS = 45_000;

describe('the service client', () => {
  let server: HubUnderTest;

  beforeEach(async () => {
    server = await startHubUnderTest();
  });

  afterEach(async () => {
    jest.useRealTimers();
    jest.restoreAllMocks();
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

  test.each([
    ['cuts the connection', (hub: SimulatedHub) => hub.amqp.dropConnections()],
    ['ends the connection', (hub: SimulatedHub) => hub.amqp.closeConnections()],
    [
      'ends the connection with an error',
      (hub: SimulatedHub) => hub.amqp.closeConnections({ condition: 'amqp:internal-error' }),
    ],
    [
      'detaches its links',
      (hub: SimulatedHub) => hub.amqp.detachLinks('', 'amqp:link:detach-forced'),
    ],
  ])(
    'leaves nothing behind, at whatever moment of opening and sending the hub %s',
    async (_what, breakOff) => {
      const timers = watchTimersOf(SDK_GIVES_UP_MS);
      for (let turns = 0; turns <= 40; turns++) {
        const iotHub = server.connect({ bounds: { closeMs: 20 } });
        const messages = ['one', 'two'].map((messageId) => aMessage({ messageId }));
        const underWay = [
          ...messages.map(async (message) => iotHub.sender.send(message)),
          iotHub.feedback.open(),
        ];
        for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
        breakOff(server.hub);

        for (const outcome of await Promise.allSettled(underWay)) {
          if (outcome.status === 'fulfilled') continue;
          expect(outcome.reason).toBeInstanceOf(DownlinkError);
        }
        await iotHub.close();
        server.hub.state.cloudToDevice.purge('device-1');
      }
      expect(timers.size).toBe(0);
    },
  );

  test('ends with everything it holds, also when the hub does not say goodbye', async () => {
    const iotHub = server.connect({ bounds: { closeMs: 50 } });
    await iotHub.sender.send(aMessage());
    server.hub.amqp.closeConnections();

    await iotHub.close();

    await expect(iotHub.sender.send(aMessage())).rejects.toThrow('has been closed');
  });
});

/** Those of a length that have been set and neither cleared nor run. */
function watchTimersOf(ms: number): ReadonlySet<unknown> {
  const timers = new Set<unknown>();
  const { setTimeout: set, clearTimeout: clear } = globalThis;
  jest.spyOn(globalThis, 'setTimeout').mockImplementation((run: () => void, after?: number) => {
    const timer = set(run, after);
    if (after === ms) timers.add(timer);
    return timer;
  });
  jest.spyOn(globalThis, 'clearTimeout').mockImplementation((timer) => {
    timers.delete(timer);
    clear(timer);
  });
  return timers;
}

/** In steps, between which heartbeats get through. */
async function passMinutes(minutes: number): Promise<void> {
  for (let minute = 0; minute < minutes; minute++) {
    jest.advanceTimersByTime(60_000);
    await sleep(2);
  }
}
