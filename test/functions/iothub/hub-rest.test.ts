import { ManualClock } from '@downlink/simulator';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parseConnectionString } from '../../../functions/iothub/connection-string.ts';
import { hubRest } from '../../../functions/iothub/hub-rest.ts';
import type { HubRest } from '../../../functions/iothub/hub-rest.ts';
import { startHubUnderTest } from './hub-under-test.ts';
import type { HubUnderTest } from './hub-under-test.ts';

const GET = { method: 'GET', path: '/devices/device-1' } as const;

describe('hubRest', () => {
  let server: HubUnderTest;
  let clock: ManualClock;
  let rest: HubRest;

  beforeEach(async () => {
    server = await startHubUnderTest();
    clock = new ManualClock(Date.now());
    rest = hubRest({
      credentials: parseConnectionString(server.hub.connectionString()),
      now: () => clock.now(),
      connectTimeoutMs: 10_000,
      requestTimeoutMs: 10_000,
    });
  });

  afterEach(async () => {
    rest.close();
    await server.stop();
  });

  const connections = (): number => new Set(server.hub.log.entries().map(({ peer }) => peer)).size;

  test('keeps its connections: calls one after the other share one', async () => {
    for (let call = 0; call < 5; call++) expect((await rest.request(GET)).status).toBe(200);

    expect(connections()).toBe(1);
  });

  test('goes on with tokens that are valid, hours later', async () => {
    for (let hour = 0; hour < 3; hour++) {
      expect((await rest.request(GET)).status).toBe(200);
      clock.advance(3_600_000);
    }
  });

  test('makes a new token when the clock was set back', async () => {
    clock.advance(365 * 24 * 3_600_000);
    expect((await rest.request(GET)).status).toBe(200);
    let time = Date.now();
    const behind = hubRest({
      credentials: parseConnectionString(server.hub.connectionString()),
      now: () => time,
      connectTimeoutMs: 10_000,
      requestTimeoutMs: 10_000,
    });

    expect((await behind.request(GET)).status).toBe(200);
    time -= 2 * 3_600_000;
    expect((await behind.request(GET)).status).toBe(401);
    behind.close();
  });

  test.each(['no-answer', 'drop-connection'] as const)(
    'tells of %s that the hub may have heard it',
    async (kind) => {
      server.hub.faults.add('https-request', { kind });

      await expect(rest.request({ ...GET, timeoutMs: 50 })).rejects.toMatchObject({
        name: 'HubRequestError',
        sent: true,
      });
    },
  );

  test('tells that nothing was sent when nobody listens', async () => {
    await server.hub.stop();

    await expect(rest.request(GET)).rejects.toMatchObject({ name: 'HubRequestError', sent: false });
  });

  test('ends what is under way when it is closed', async () => {
    server.hub.faults.add('https-request', { kind: 'no-answer' });
    const request = rest.request({ ...GET, timeoutMs: 60_000 });
    await new Promise(setImmediate);

    rest.close();

    await expect(request).rejects.toMatchObject({ name: 'HubRequestError' });
  });
});
