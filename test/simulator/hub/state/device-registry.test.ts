import { describe, expect, test } from '@jest/globals';
import { ManualClock } from '../../../../simulator/hub/state/clock.ts';
import { DeviceRegistry } from '../../../../simulator/hub/state/device-registry.ts';
import { kindOf, SECOND } from './builders.ts';

function aRegistry(...deviceIds: string[]): { registry: DeviceRegistry; clock: ManualClock } {
  const clock = new ManualClock();
  const registry = new DeviceRegistry(clock);
  for (const deviceId of deviceIds) registry.create({ deviceId });
  return { registry, clock };
}

function idsOf(devices: readonly { deviceId: string }[]): string[] {
  return devices.map(({ deviceId }) => deviceId);
}

describe('DeviceRegistry.create', () => {
  test('makes up keys, ETag and generation', () => {
    const { registry } = aRegistry();

    const device = registry.create({ deviceId: 'device-1' });

    expect(device).toMatchObject({ status: 'enabled', connectionState: 'Disconnected' });
    expect(Buffer.from(device.primaryKey, 'base64')).toHaveLength(32);
    expect(device.secondaryKey).not.toBe(device.primaryKey);
    expect(device.etag).toMatch(/^[\w-]+$/);
    expect(device.generationId).toMatch(/^\d{16,18}$/);
  });

  test('takes keys that are given, such as base64 of a UUID', () => {
    const { registry } = aRegistry();
    const primaryKey = Buffer.from('8c3d6a4e-7d0e-4f0e-9a44-7c7d7f0b1c55').toString('base64');
    const secondaryKey = Buffer.alloc(64, 7).toString('base64');

    expect(registry.create({ deviceId: 'd', primaryKey, secondaryKey })).toMatchObject({
      primaryKey,
      secondaryKey,
    });
  });

  test.each([
    ['no base64', 'not base64!'],
    ['too short', Buffer.alloc(15).toString('base64')],
    ['too long', Buffer.alloc(65).toString('base64')],
    ['empty', ''],
  ])('refuses a key that is %s', (_, primaryKey) => {
    const { registry } = aRegistry();

    expect(kindOf(() => registry.create({ deviceId: 'd', primaryKey }))).toBe('argumentInvalid');
    expect(registry.size).toBe(0);
  });

  test('takes every character that the service allows, and 128 of them', () => {
    const { registry } = aRegistry();

    expect(registry.create({ deviceId: "aZ09-:.+%_#*?!(),=@;$'" }).deviceId).toHaveLength(22);
    expect(registry.create({ deviceId: 'x'.repeat(128) }).status).toBe('enabled');
  });

  test.each(['', 'x'.repeat(129), 'invalid/name', 'a b', 'ä', 'a\n', 'a&b', 'a"b'])(
    'refuses the device id %j',
    (deviceId) => {
      expect(kindOf(() => aRegistry().registry.create({ deviceId }))).toBe('argumentInvalid');
    },
  );

  test('refuses an id that is taken, and tells ids apart by case', () => {
    const { registry } = aRegistry('device-1');

    expect(kindOf(() => registry.create({ deviceId: 'device-1' }))).toBe('deviceAlreadyExists');
    expect(registry.create({ deviceId: 'Device-1' }).deviceId).toBe('Device-1');
  });

  test('gives a device that was created anew another generation, even at the same moment', () => {
    const { registry } = aRegistry();
    const first = registry.create({ deviceId: 'device-1' });
    registry.delete('device-1');

    expect(registry.create({ deviceId: 'device-1' }).generationId).not.toBe(first.generationId);
  });
});

describe('DeviceRegistry.update', () => {
  test('keeps what the input leaves out, and changes the ETag', () => {
    const { registry, clock } = aRegistry();
    const before = registry.create({ deviceId: 'device-1', statusReason: 'new' });
    clock.advance(SECOND);

    const after = registry.update({ deviceId: 'device-1', status: 'disabled' }, '*');

    expect(after).toEqual({
      ...before,
      status: 'disabled',
      statusUpdatedAt: clock.now(),
      etag: after.etag,
    });
    expect(after.etag).not.toBe(before.etag);
  });

  test.each([
    ['the ETag', (etag: string) => etag],
    ['the quoted ETag', (etag: string) => `"${etag}"`],
    ['a star', () => '*'],
    ['a quoted star, as the service SDK sends it', () => '"*"'],
  ])('matches %s', (_, ifMatch) => {
    const { registry } = aRegistry('device-1');

    const { etag } = registry.get('device-1');
    const updated = registry.update({ deviceId: 'device-1', statusReason: 'r' }, ifMatch(etag));

    expect(updated.statusReason).toBe('r');
  });

  test('refuses an ETag that is not the current one, and changes nothing', () => {
    const { registry } = aRegistry('device-1');
    const { etag: stale } = registry.get('device-1');
    registry.update({ deviceId: 'device-1', statusReason: 'second' }, stale);

    const late = () => registry.update({ deviceId: 'device-1', statusReason: 'third' }, stale);

    expect(kindOf(late)).toBe('preconditionFailed');
    expect(registry.get('device-1').statusReason).toBe('second');
  });

  test('refuses an unknown device', () => {
    expect(kindOf(() => aRegistry().registry.update({ deviceId: 'x' }, '*'))).toBe(
      'deviceNotFound',
    );
  });

  test('tells once that the device was disabled', () => {
    const { registry } = aRegistry('device-1');
    const revoked: string[] = [];
    registry.onRevoked((deviceId, reason) => revoked.push(`${deviceId} ${reason}`));

    registry.update({ deviceId: 'device-1', statusReason: 'still enabled' }, '*');
    registry.update({ deviceId: 'device-1', status: 'disabled' }, '*');
    registry.update({ deviceId: 'device-1', status: 'disabled' }, '*');

    expect(revoked).toEqual(['device-1 disabled']);
    expect(kindOf(() => registry.getEnabled('device-1'))).toBe('deviceNotFound');
  });
});

describe('DeviceRegistry.delete', () => {
  test('forgets the device and tells so', () => {
    const { registry } = aRegistry('device-1', 'device-2');
    const revoked: string[] = [];
    const leave = registry.onRevoked((deviceId, reason) => revoked.push(`${deviceId} ${reason}`));

    registry.delete('device-1');
    leave();
    registry.delete('device-2');

    expect(revoked).toEqual(['device-1 deleted']);
    expect(registry.find('device-1')).toBeUndefined();
    expect(kindOf(() => registry.get('device-1'))).toBe('deviceNotFound');
    expect(kindOf(() => registry.delete('device-1'))).toBe('deviceNotFound');
  });

  test('refuses an ETag that is not the current one', () => {
    const { registry } = aRegistry('device-1');

    expect(kindOf(() => registry.delete('device-1', '"abc"'))).toBe('preconditionFailed');
    expect(registry.size).toBe(1);
  });
});

describe('DeviceRegistry.page', () => {
  test('goes through all devices in order of registration', () => {
    const { registry } = aRegistry('b', 'a', 'd', 'c');

    const first = registry.page({ max: 3 });
    const second = registry.page({ max: 3, after: first.after ?? -1 });

    expect(idsOf(first.items)).toEqual(['b', 'a', 'd']);
    expect(idsOf(second.items)).toEqual(['c']);
    expect(second.after).toBeUndefined();
  });

  test('ends without a further page when the last one is full', () => {
    const { registry } = aRegistry('a', 'b');

    expect(registry.page({ max: 2 }).after).toBeUndefined();
    expect(registry.list(1)).toHaveLength(1);
  });

  test('misses and repeats nobody who stays, while others come and go between pages', () => {
    const stayers = Array.from({ length: 300 }, (_, index) => `stays-${index}`);
    const { registry } = aRegistry();
    for (const [index, deviceId] of stayers.entries()) {
      registry.create({ deviceId });
      registry.create({ deviceId: `goes-${index}` });
      registry.create({ deviceId: `goes-too-${index}` });
    }

    const seen: string[] = [];
    let after: number | undefined = 0;
    for (let round = 0; after !== undefined; round++) {
      const page: { items: { deviceId: string }[]; after?: number } = registry.page({
        max: 7,
        after,
      });
      seen.push(...idsOf(page.items));
      after = page.after;
      for (let index = round * 20; index < (round + 1) * 20; index++) {
        if (registry.find(`goes-${index}`)) registry.delete(`goes-${index}`);
        if (registry.find(`goes-too-${index}`)) registry.delete(`goes-too-${index}`);
      }
      registry.update({ deviceId: 'stays-3', statusReason: String(round) }, '*');
      if (round < 10) registry.create({ deviceId: `comes-${round}` });
    }

    expect(seen.filter((id) => id.startsWith('stays'))).toEqual(stayers);
    expect(seen.filter((id) => id.startsWith('comes'))).toHaveLength(10);
    expect(new Set(seen).size).toBe(seen.length);
  });
});

describe('DeviceRegistry.setConnected', () => {
  test('notes the change and its time once', () => {
    const { registry, clock } = aRegistry('device-1');
    const { etag } = registry.get('device-1');
    clock.advance(SECOND);
    const connectedAt = clock.now();
    registry.setConnected('device-1', true);
    clock.advance(SECOND);
    registry.setConnected('device-1', true);
    registry.touch('device-1');

    expect(registry.get('device-1')).toMatchObject({
      connectionState: 'Connected',
      connectionStateUpdatedAt: connectedAt,
      lastActivityAt: clock.now(),
      etag,
    });
  });

  test('does not bring a deleted device back', () => {
    const { registry } = aRegistry('device-1');
    registry.delete('device-1');

    registry.setConnected('device-1', false);
    registry.touch('device-1');

    expect(registry.find('device-1')).toBeUndefined();
  });
});
