import pMap from 'p-map';
import type { MessageKey, MessageStore } from '../message-store.ts';
import type { Backlog } from './backlog.ts';
import { withExpiry } from './decisions.ts';
import type { DispatchQueue } from './dispatch-queue.ts';
import type { HubPace } from './hub-pace.ts';
import { withdraw } from './withdraw.ts';

/** What backlogs need besides being dispatched. All methods reject with `storage-unavailable`. */
export interface BacklogCare {
  /** Something has left these devices' queues at the hub: those that wait for room are tried at once. */
  roomMade(deviceIds: ReadonlySet<string>): Promise<void>;
  /** Settles messages that expired while they waited, and says how many those were. */
  expire(messages: readonly MessageKey[]): Promise<number>;
  /** Wakes the dispatch of devices whose wake-up has got lost, and says how many those are. */
  rescue(): Promise<number>;
}

/** A wake-up that is late by as much is taken for lost. */
const LOST_MS = 60_000;
const IN_FLIGHT = 16;

export function backlogCare(dependencies: {
  backlog: Backlog;
  store: Pick<MessageStore, 'find'>;
  queue: DispatchQueue;
  pace: Pick<HubPace, 'sawFullQueue'>;
  now: () => number;
}): BacklogCare {
  const { backlog, queue, pace, now } = dependencies;
  return {
    async roomMade(deviceIds) {
      if (deviceIds.size === 0 || !(await pace.sawFullQueue())) return;
      await pMap(
        deviceIds,
        async (deviceId) => {
          const view = await backlog.read(deviceId, 1);
          if ((view?.lease?.retryAt ?? 0) <= now()) return;
          await queue.enqueue({ deviceId, hasRoom: true }, 0);
        },
        { concurrency: IN_FLIGHT },
      );
    },

    async expire(messages) {
      const byDevice = new Map<string, MessageKey[]>();
      for (const key of messages) {
        byDevice.set(key.deviceId, [...(byDevice.get(key.deviceId) ?? []), key]);
      }
      const counts = await pMap(
        byDevice,
        async ([deviceId, keys]) => {
          const expired = await withdraw(dependencies, deviceId, keys, (message, inDoubt) =>
            message.expiresAt <= now() ? withExpiry(message, inDoubt, now()) : undefined,
          );
          // The rest may be next, or the backlog is to be ended.
          await queue.enqueue({ deviceId }, 0);
          return expired;
        },
        { concurrency: IN_FLIGHT },
      );
      return counts.reduce((sum, count) => sum + count, 0);
    },

    async rescue() {
      const neglected = await backlog.findNeglected(now() - LOST_MS);
      await pMap(
        neglected,
        async (deviceId) => {
          await queue.enqueue({ deviceId }, 0);
          await backlog.setLookAt(deviceId, now());
        },
        { concurrency: IN_FLIGHT },
      );
      return neglected.length;
    },
  };
}
