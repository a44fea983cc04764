import { afterEach, describe, expect, test } from '@jest/globals';
import {
  InvalidSeedError,
  ManualClock,
  parseSeed,
  startHub,
  type HubSeed,
  type SimulatedHub,
} from '../../../simulator/index.ts';
import { aMessage } from './state/builders.ts';
import { adminOf } from './admin/admin-client.ts';

const KEY = Buffer.alloc(32, 1).toString('base64');
const SEED: HubSeed = {
  devices: [
    { deviceId: 'pump-1', primaryKey: KEY, tags: { plant: 'north' }, desired: { speed: 3 } },
    { deviceId: 'pump-2', status: 'disabled', statusReason: 'in repair' },
  ],
};

let hub: SimulatedHub | undefined;
afterEach(async () => {
  await hub?.stop();
  hub = undefined;
});

function faultsOf(text: string): readonly string[] {
  try {
    parseSeed(text);
  } catch (error) {
    if (error instanceof InvalidSeedError) return error.faults;
    throw error;
  }
  return [];
}

describe('a seed', () => {
  test('is what the hub begins with, and goes back to when it is reset', async () => {
    hub = await startHub({ clock: new ManualClock(), seed: SEED });
    const { state } = hub;
    const check = (): void => {
      expect(state.registry.list(10).map(({ deviceId, status }) => [deviceId, status])).toEqual([
        ['pump-1', 'enabled'],
        ['pump-2', 'disabled'],
      ]);
      expect(state.registry.get('pump-1').primaryKey).toBe(KEY);
      expect(state.registry.get('pump-2').statusReason).toBe('in repair');
      const { tags, desired } = state.twins.get('pump-1');
      expect([tags, desired.values]).toEqual([{ plant: 'north' }, { speed: 3 }]);
    };
    check();
    const secondaryKey = state.registry.get('pump-1').secondaryKey;

    state.twins.patch('pump-1', { tags: { plant: null }, desired: { speed: 5, on: true } });
    state.registry.update({ deviceId: 'pump-2', status: 'enabled' }, '*');
    state.registry.create({ deviceId: 'other' });
    state.cloudToDevice.enqueue('pump-1', aMessage());
    await adminOf(hub)('POST /reset');

    check();
    expect(state.registry.get('pump-1').secondaryKey).toBe(secondaryKey);
    expect(state.cloudToDevice.count('pump-1')).toBe(0);
  });

  test('tells every fault at once, by its place and the id of the device', () => {
    const text = JSON.stringify({
      devices: [
        { deviceId: 'ok' },
        { deviceId: 'a/b' },
        { deviceId: 'ok' },
        { status: 'away', primaryKey: 1, colour: 'red' },
        { deviceId: 'keys', primaryKey: 'short' },
        { deviceId: 'twin', desired: { 'a.b': 1 } },
        'none',
      ],
      modules: [],
    });

    expect(faultsOf(text)).toEqual([
      expect.stringMatching(/^the file: .*"modules"/),
      expect.stringMatching(/^devices\.1 \(a\/b\): The device id must be/),
      expect.stringMatching(/^devices\.2 \(ok\): .*registered already/),
      expect.stringMatching(/^devices\.3: deviceId: /),
      expect.stringMatching(/^devices\.3: status: /),
      expect.stringMatching(/^devices\.3: primaryKey: /),
      expect.stringMatching(/^devices\.3: .*"colour"/),
      expect.stringMatching(/^devices\.4 \(keys\): .*primaryKey must be base64/),
      expect.stringMatching(/^devices\.5 \(twin\): properties\.desired has a key/),
      expect.stringMatching(/^devices\.6: /),
    ]);
    expect(faultsOf(text).join()).not.toContain('short');
  });

  test.each([
    ['{"devices":[\n{"deviceId":"a"}\n{"deviceId":"b"}]}', /line 3 column 1/],
    ['{"devices":1}', /^devices: /],
    ['[]', /^the file: /],
    ['', /^It is not JSON/],
  ])('%j is refused', (text, told) => {
    expect(faultsOf(text)).toEqual([expect.stringMatching(told)]);
  });

  test('may begin with a byte order mark, and name its schema', () => {
    expect(parseSeed('\uFEFF{"$schema":"x","devices":[]}')).toEqual({ devices: [] });
  });

  test('that is not valid starts no hub', async () => {
    await expect(startHub({ seed: { devices: [{ deviceId: '' }] } })).rejects.toThrow(
      'devices.0 (): The device id must be',
    );
  });
});
