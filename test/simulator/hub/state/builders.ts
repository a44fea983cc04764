import { ManualClock } from '../../../../simulator/hub/state/clock.ts';
import type { NewCloudToDeviceMessage } from '../../../../simulator/hub/state/cloud-to-device-message.ts';
import type { DeviceEvent } from '../../../../simulator/hub/state/device-event.ts';
import { HubError, type HubErrorKind } from '../../../../simulator/hub/state/hub-error.ts';
import { HubState } from '../../../../simulator/hub/state/hub-state.ts';
import type { HubSettingsInput } from '../../../../simulator/hub/state/settings.ts';

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;

export function aMessage(changes: Partial<NewCloudToDeviceMessage> = {}): NewCloudToDeviceMessage {
  return {
    messageId: 'message-1',
    to: '/devices/device-1/messages/devicebound',
    body: Buffer.from('{"on":true}'),
    properties: {},
    ack: 'full',
    ...changes,
  };
}

/** A hub with the device `device-1`, on a clock that stands still. */
export function aHub(settings: HubSettingsInput = {}): { state: HubState; clock: ManualClock } {
  const clock = new ManualClock();
  const state = new HubState({ clock, settings });
  state.registry.create({ deviceId: 'device-1' });
  return { state, clock };
}

/** What a device sent, oldest first. */
export function eventsOf(state: HubState, deviceId = 'device-1'): DeviceEvent[] {
  return state.events
    .partitions()
    .flatMap((partition) => {
      const events: DeviceEvent[] = [];
      for (let next = partition.after(-1); next; next = partition.after(next.sequenceNumber))
        events.push(next);
      return events;
    })
    .filter((event) => event.deviceId === deviceId);
}

/** The error's kind, to compare with; fails if there is none. */
export function kindOf(run: () => unknown): HubErrorKind {
  try {
    run();
  } catch (error) {
    if (error instanceof HubError) return error.kind;
    throw error;
  }
  throw new Error('No error was thrown');
}

export async function rejectedKind(promise: Promise<unknown>): Promise<HubErrorKind> {
  const error: unknown = await promise.then(
    () => new Error('The promise was fulfilled'),
    (reason: unknown) => reason,
  );
  if (error instanceof HubError) return error.kind;
  throw error;
}
