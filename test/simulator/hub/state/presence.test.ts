import { describe, expect, test } from '@jest/globals';
import { aHub, SECOND } from './builders.ts';

const DEVICE = 'device-1';

describe('Presence.enter', () => {
  test('connects the device until the connection has left', () => {
    const { state, clock } = aHub();
    clock.advance(SECOND);
    const leave = state.presence.enter(DEVICE, () => {});
    const { connectionState, lastActivityAt } = state.registry.get(DEVICE);
    clock.advance(SECOND);
    leave();
    leave();

    expect([connectionState, lastActivityAt]).toEqual(['Connected', clock.now() - SECOND]);
    expect(state.registry.get(DEVICE)).toMatchObject({
      connectionState: 'Disconnected',
      connectionStateUpdatedAt: clock.now(),
    });
  });

  test('dismisses the connection before, whose leaving changes nothing any more', () => {
    const { state } = aHub();
    const dismissed: string[] = [];
    const leaveFirst = state.presence.enter(DEVICE, (reason) => dismissed.push(`first ${reason}`));

    const leaveSecond = state.presence.enter(DEVICE, (reason) =>
      dismissed.push(`second ${reason}`),
    );
    leaveFirst();
    const whileSecond = state.registry.get(DEVICE).connectionState;
    state.presence.enter(DEVICE, () => {});
    leaveSecond();

    expect(dismissed).toEqual(['first replaced', 'second replaced']);
    expect([whileSecond, state.registry.get(DEVICE).connectionState]).toEqual([
      'Connected',
      'Connected',
    ]);
  });

  test('keeps a device and its modules apart, but for what becomes of the device', () => {
    const { state } = aHub();
    state.registry.create({ deviceId: DEVICE, moduleId: 'pump' });
    const dismissed: string[] = [];
    for (const key of [DEVICE, `${DEVICE}/pump`]) {
      const leave = state.presence.enter(key, (reason) => {
        dismissed.push(`${key} ${reason}`);
        leave();
      });
    }
    const connected = [DEVICE, `${DEVICE}/pump`].map(
      (key) => state.registry.get(key).connectionState,
    );

    state.registry.update({ deviceId: DEVICE, status: 'disabled' }, '*');

    expect(connected).toEqual(['Connected', 'Connected']);
    expect(dismissed).toEqual([`${DEVICE} disabled`, `${DEVICE}/pump disabled`]);
    expect(state.registry.get(`${DEVICE}/pump`).connectionState).toBe('Disconnected');
  });

  test('dismisses once for a module that goes with its device', () => {
    const { state } = aHub();
    state.registry.create({ deviceId: DEVICE, moduleId: 'pump' });
    const dismissed: string[] = [];
    const leave = state.presence.enter(`${DEVICE}/pump`, (reason) => {
      dismissed.push(reason);
      leave();
    });

    state.registry.delete(DEVICE);

    expect(dismissed).toEqual(['deleted']);
  });
});
