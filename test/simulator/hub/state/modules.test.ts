import { describe, expect, test } from '@jest/globals';
import { HubState, type HubSnapshot } from '../../../../simulator/hub/state/hub-state.ts';
import { MAX_MODULES_PER_DEVICE } from '../../../../simulator/hub/state/limits.ts';
import { aHub, aMessage, kindOf } from './builders.ts';

const DEVICE = 'device-1';
const MODULE = 'device-1/pump';

function aHubWithModule() {
  const hub = aHub();
  hub.state.registry.create({ deviceId: DEVICE, moduleId: 'pump', managedBy: 'operator' });
  return hub;
}

function revocations(state: HubState): string[] {
  const revoked: string[] = [];
  state.registry.onRevoked((key, reason) => revoked.push(`${key} ${reason}`));
  return revoked;
}

describe('a module identity', () => {
  test('has keys, ETag and generation of its own, and the status of its device', () => {
    const { state } = aHubWithModule();

    const [device, module] = [state.registry.get(DEVICE), state.registry.get(MODULE)];

    expect(module).toMatchObject({ deviceId: DEVICE, moduleId: 'pump', managedBy: 'operator' });
    expect(module.status).toBe('enabled');
    for (const own of ['primaryKey', 'secondaryKey', 'etag', 'generationId'] as const)
      expect(module[own]).not.toBe(device[own]);
    expect(state.registry.modulesOf(DEVICE)).toEqual([module]);
  });

  test('is no device: neither counted nor listed among them', () => {
    const { registry } = aHubWithModule().state;

    expect([registry.size, registry.list(9).length]).toEqual([1, 1]);
    expect(registry.snapshot('devices.modules')).toMatchObject([
      { identity: registry.get(MODULE) },
    ]);
    expect(registry.modulesOf('device-2')).toEqual([]);
  });

  test.each([
    ['of a device that is not there', { deviceId: 'device-2', moduleId: 'm' }, 'deviceNotFound'],
    ['that is there', { deviceId: DEVICE, moduleId: 'pump' }, 'moduleAlreadyExists'],
    ['of no id', { deviceId: DEVICE, moduleId: '' }, 'argumentInvalid'],
    ['with a slash', { deviceId: DEVICE, moduleId: 'a/b' }, 'argumentInvalid'],
    ["of the hub's own names", { deviceId: DEVICE, moduleId: '$edgeAgent' }, 'argumentInvalid'],
  ])('cannot be created %s', (_case, input, kind) => {
    const { registry } = aHubWithModule().state;

    expect(kindOf(() => registry.create(input))).toBe(kind);
    expect(registry.snapshot('devices.modules')).toHaveLength(1);
  });

  test('has 49 neighbours at most, and room again when one goes', () => {
    const { registry } = aHubWithModule().state;
    for (let count = 1; count < MAX_MODULES_PER_DEVICE; count++)
      registry.create({ deviceId: DEVICE, moduleId: `m-${count}` });

    expect(kindOf(() => registry.create({ deviceId: DEVICE, moduleId: 'one-more' }))).toBe(
      'tooManyModules',
    );
    registry.delete(`${DEVICE}/m-7`);
    expect(registry.create({ deviceId: DEVICE, moduleId: 'one-more' }).status).toBe('enabled');
  });

  test('changes with its ETag alone; managedBy that is left out is cleared', () => {
    const { registry } = aHubWithModule().state;
    const { etag, primaryKey } = registry.get(MODULE);
    const input = { deviceId: DEVICE, moduleId: 'pump' };

    const updated = registry.update(input, etag);

    expect(updated).toMatchObject({ primaryKey });
    expect(updated).not.toHaveProperty('managedBy');
    expect(kindOf(() => registry.update(input, etag))).toBe('preconditionFailed');
    expect(kindOf(() => registry.update({ ...input, moduleId: 'x' }, '*'))).toBe('moduleNotFound');
  });

  test('is disabled and enabled with its device, and never by itself', () => {
    const { state } = aHubWithModule();
    const { registry } = state;
    const revoked = revocations(state);

    registry.update({ deviceId: DEVICE, moduleId: 'pump', status: 'disabled' }, '*');
    const alone = registry.get(MODULE).status;
    registry.update({ deviceId: DEVICE, status: 'disabled' }, '*');
    const withDevice = registry.get(MODULE).status;
    registry.create({ deviceId: DEVICE, moduleId: 'late' });
    const born = registry.get(`${DEVICE}/late`).status;
    registry.update({ deviceId: DEVICE, status: 'enabled' }, '*');

    expect([alone, withDevice, born]).toEqual(['enabled', 'disabled', 'disabled']);
    expect(registry.modulesOf(DEVICE).map(({ status }) => status)).toEqual(['enabled', 'enabled']);
    expect(revoked).toEqual([`${DEVICE} disabled`, `${MODULE} disabled`]);
  });

  test('goes with its device, and takes along what the hub holds of it', async () => {
    const { state } = aHubWithModule();
    const revoked = revocations(state);
    const { generationId } = state.registry.get(MODULE);
    state.twins.patch(MODULE, { desired: { a: 1 } });
    state.cloudToDevice.enqueue(MODULE, aMessage());
    state.methods.attach(MODULE, () => {});
    const call = state.methods.invoke({
      deviceId: MODULE,
      methodName: 'm',
      payload: Buffer.from('null'),
      responseTimeoutMs: 5000,
      connectTimeoutMs: 0,
    });
    state.registry.delete(DEVICE);
    await expect(call).rejects.toMatchObject({ kind: 'deviceNotFound' });
    state.registry.create({ deviceId: DEVICE });

    expect(revoked).toEqual([`${MODULE} deleted`, `${DEVICE} deleted`]);
    expect(state.registry.modulesOf(DEVICE)).toEqual([]);
    expect(kindOf(() => state.twins.get(MODULE))).toBe('moduleNotFound');
    const again = state.registry.create({ deviceId: DEVICE, moduleId: 'pump' });
    expect(again.generationId).not.toBe(generationId);
    expect(state.twins.get(MODULE).desired.version).toBe(1);
    expect(state.cloudToDevice.count(MODULE)).toBe(0);
  });

  test('has a twin, a queue and methods apart from those of its device', async () => {
    const { state } = aHubWithModule();
    const heard: unknown[] = [];
    state.twins.onDesired(DEVICE, (change) => heard.push(change));

    state.twins.patch(MODULE, { tags: { floor: 3 }, desired: { a: 1 } });
    state.cloudToDevice.enqueue(MODULE, aMessage());
    state.methods.attach(DEVICE, () => {});

    expect(state.twins.get(DEVICE)).toMatchObject({ tags: {}, desired: { version: 1 } });
    expect([heard, state.cloudToDevice.receive(DEVICE)]).toEqual([[], undefined]);
    await expect(
      state.methods.invoke({
        deviceId: MODULE,
        methodName: 'm',
        payload: Buffer.from('null'),
        responseTimeoutMs: 5000,
        connectTimeoutMs: 0,
      }),
    ).rejects.toMatchObject({ kind: 'deviceNotOnline' });
  });

  test('comes back from a snapshot with its twin and its queue, offline', () => {
    const { state, clock } = aHubWithModule();
    state.registry.create({ deviceId: 'a-device' });
    state.registry.create({ deviceId: 'a-device', moduleId: 'm' });
    state.registry.setConnected(MODULE, true);
    state.twins.report(MODULE, { a: 1 });
    state.cloudToDevice.enqueue(MODULE, aMessage({ messageId: 'kept' }));

    const snapshot = JSON.parse(JSON.stringify(state.snapshot())) as HubSnapshot;
    const restored = HubState.restore(snapshot, { clock });

    expect(restored.registry.get(MODULE)).toEqual({
      ...state.registry.get(MODULE),
      connectionState: 'Disconnected',
    });
    expect([...restored.registry.after('devices.modules', 1)]).toMatchObject([
      { identity: { deviceId: 'a-device' } },
    ]);
    expect(restored.twins.get(MODULE)).toEqual(state.twins.get(MODULE));
    expect(restored.cloudToDevice.receive(MODULE)?.message.messageId).toBe('kept');
  });

  test('of a device that a snapshot lacks is refused', () => {
    const { state, clock } = aHubWithModule();
    const snapshot = { ...state.snapshot(), devices: [] };

    expect(kindOf(() => HubState.restore(snapshot, { clock }))).toBe('deviceNotFound');
  });
});
