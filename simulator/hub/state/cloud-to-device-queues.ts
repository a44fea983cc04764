import { randomUUID } from 'node:crypto';
import type { Clock } from './clock.ts';
import {
  checkMessage,
  sizeInBytes,
  type CloudToDeviceMessage,
  type NewCloudToDeviceMessage,
} from './cloud-to-device-message.ts';
import type { CloudToDeviceOutcome, FeedbackStatusCode } from './cloud-to-device-outcome.ts';
import type { Deadlines } from './deadlines.ts';
import type { DeviceIdentity } from './device-identity.ts';
import { DeviceQueue, type QueueEntry } from './device-queue.ts';
import type { DeviceRegistry } from './device-registry.ts';
import { HubError } from './hub-error.ts';
import { identityKey } from './identity-key.ts';
import type { JournalEventType, Journal } from './journal.ts';
import { MAX_TTL_MS } from './limits.ts';
import type { HubSettings } from './settings.ts';
import type { Throttles } from './throttles.ts';

export interface Delivery {
  readonly lockToken: string;
  readonly message: CloudToDeviceMessage;
}

export interface InspectedMessage {
  readonly message: CloudToDeviceMessage;
  /** How often it was handed to the device. */
  readonly attempts: number;
  /** Undefined while it waits. */
  readonly lockedUntil: number | undefined;
}

export interface CloudToDeviceDependencies {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly settings: HubSettings['cloudToDevice'];
  readonly registry: DeviceRegistry;
  readonly throttles: Throttles;
  readonly journal: Journal;
  /** A message has met its end. */
  readonly onOutcome: (outcome: CloudToDeviceOutcome) => void;
  readonly onChange: () => void;
}

type StoredMessage = Omit<CloudToDeviceMessage, 'body'> & { readonly body: string };
export type QueuesSnapshot = readonly {
  readonly deviceId: string;
  readonly lastSequenceNumber: number;
  readonly messages: readonly { readonly attempts: number; readonly message: StoredMessage }[];
}[];

/** https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-messages-c2d#the-cloud-to-device-message-life-cycle */
export class CloudToDeviceQueues {
  readonly #dependencies: CloudToDeviceDependencies;
  readonly #queues = new Map<string, DeviceQueue>();
  readonly #listeners = new Map<string, Set<() => void>>();

  constructor(dependencies: CloudToDeviceDependencies) {
    this.#dependencies = dependencies;
    dependencies.registry.onDeleted((identity) => this.#drop(identity));
  }

  /** Throws `deviceNotFound` (also for a disabled device), `argumentInvalid`, `messageTooLarge`, `invalidExpiry`, `deviceMaximumQueueDepthExceeded`, and what `Throttles.admit` throws. */
  enqueue(deviceId: string, message: NewCloudToDeviceMessage): CloudToDeviceMessage {
    const { clock, deadlines, registry, settings, throttles } = this.#dependencies;
    deadlines.runDue();
    throttles.admit('cloudToDeviceSends');
    const { generationId } = registry.getEnabled(deviceId);
    checkMessage(message);
    const size = sizeInBytes(message);
    if (size > settings.maxMessageBytes) {
      throw new HubError(
        'messageTooLarge',
        `The message has ${size} bytes with its properties; at most ${settings.maxMessageBytes} are allowed`,
      );
    }
    const now = clock.now();
    const expiresAt = message.expiresAt ?? now + settings.defaultTtlMs;
    checkExpiry(expiresAt, now);
    const queue = this.#queues.get(deviceId) ?? new DeviceQueue();
    if (queue.size >= settings.maxQueueDepth) {
      throw new HubError(
        'deviceMaximumQueueDepthExceeded',
        `The queue of the device '${deviceId}' holds ${queue.size} messages; more are not taken before some are settled`,
      );
    }
    throttles.meter([size]);
    this.#queues.set(deviceId, queue);
    const enqueued: CloudToDeviceMessage = {
      ...message,
      sequenceNumber: queue.lastSequenceNumber + 1,
      enqueuedAt: now,
      expiresAt,
      deliveryCount: 0,
    };
    const entry = this.#add(queue, deviceId, generationId, enqueued, 0);
    this.#record('enqueued', deviceId, entry);
    this.#announce(deviceId);
    return enqueued;
  }

  /** Locks the first message that waits. */
  receive(deviceId: string): Delivery | undefined {
    const { clock, deadlines, registry, settings } = this.#dependencies;
    deadlines.runDue();
    const queue = this.#queues.get(deviceId);
    const entry = queue?.head();
    if (!queue || !entry || registry.find(deviceId)?.status !== 'enabled') return undefined;
    const lockToken = randomUUID();
    const expiresAt = clock.movingTo() + settings.lockMs;
    const cancelTimer = deadlines.schedule(expiresAt, () => {
      queue.unlock(entry);
      this.#record('lockExpired', deviceId, entry);
      this.#announce(deviceId);
    });
    queue.lock(entry, { token: lockToken, expiresAt, cancelTimer });
    entry.attempts++;
    this.#record('delivered', deviceId, entry);
    return { lockToken, message: entry.message };
  }

  /** Throws `deviceMessageLockLost`, as do reject and abandon. */
  complete(deviceId: string, lockToken: string): void {
    const { queue, entry } = this.#locked(deviceId, lockToken);
    this.#settle(queue, deviceId, entry, 'completed', 'Success');
  }

  reject(deviceId: string, lockToken: string): void {
    const { queue, entry } = this.#locked(deviceId, lockToken);
    this.#settle(queue, deviceId, entry, 'rejected', 'Rejected');
  }

  /** The one thing that raises the delivery count. */
  abandon(deviceId: string, lockToken: string): void {
    const { queue, entry } = this.#locked(deviceId, lockToken);
    entry.message = { ...entry.message, deliveryCount: entry.message.deliveryCount + 1 };
    this.#record('abandoned', deviceId, entry);
    if (entry.message.deliveryCount >= this.#dependencies.settings.maxDeliveryCount) {
      this.#settle(queue, deviceId, entry, 'deliveryCountExceeded', 'DeliveryCountExceeded');
      return;
    }
    queue.unlock(entry);
    this.#announce(deviceId);
  }

  /** The consumer went away: back to its place, count unchanged; silent when the lock is gone. */
  release(deviceId: string, lockToken: string): void {
    const queue = this.#queues.get(deviceId);
    const entry = queue?.locked(lockToken);
    if (!queue || !entry) return;
    queue.unlock(entry);
    this.#record('released', deviceId, entry);
    this.#announce(deviceId);
  }

  /** Empties the queue. The service does not say what becomes of a locked message: here it goes too, and its lock is lost. */
  purge(deviceId: string): number {
    this.#dependencies.deadlines.runDue();
    this.#dependencies.registry.get(deviceId);
    const queue = this.#queues.get(deviceId);
    const entries = queue?.entries() ?? [];
    for (const entry of entries) {
      if (queue) this.#settle(queue, deviceId, entry, 'purged', 'Purged');
    }
    return entries.length;
  }

  /** Messages that wait or are locked. */
  count(deviceId: string): number {
    this.#dependencies.deadlines.runDue();
    return this.#queues.get(deviceId)?.size ?? 0;
  }

  /** For inspection: what waits or is locked, in order. */
  inspect(deviceId: string): InspectedMessage[] {
    this.#dependencies.deadlines.runDue();
    this.#dependencies.registry.get(deviceId);
    const entries = this.#queues.get(deviceId)?.entries() ?? [];
    return entries.map(({ message, attempts, lock }) => ({
      message,
      attempts,
      lockedUntil: lock?.expiresAt,
    }));
  }

  /** Something may be there to receive: enqueued, abandoned, released, or its lock ran out. */
  onAvailable(deviceId: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(deviceId) ?? new Set();
    this.#listeners.set(deviceId, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(deviceId) === listeners)
        this.#listeners.delete(deviceId);
    };
  }

  snapshot(): QueuesSnapshot {
    return [...this.#queues].map(([deviceId, queue]) => ({
      deviceId,
      lastSequenceNumber: queue.lastSequenceNumber,
      messages: queue.entries().map(({ attempts, message }) => ({
        attempts,
        message: { ...message, body: message.body.toString('base64') },
      })),
    }));
  }

  /** No lock outlives the hub: every message waits in its place. */
  restore(snapshot: QueuesSnapshot): void {
    for (const { deviceId, lastSequenceNumber, messages } of snapshot) {
      const { generationId } = this.#dependencies.registry.get(deviceId);
      const queue = new DeviceQueue();
      this.#queues.set(deviceId, queue);
      for (const { attempts, message } of messages) {
        const body = Buffer.from(message.body, 'base64');
        this.#add(queue, deviceId, generationId, { ...message, body }, attempts);
      }
      queue.lastSequenceNumber = lastSequenceNumber;
    }
  }

  #add(
    queue: DeviceQueue,
    deviceId: string,
    deviceGenerationId: string,
    message: CloudToDeviceMessage,
    attempts: number,
  ): QueueEntry {
    const entry: QueueEntry = {
      message,
      deviceGenerationId,
      attempts,
      waiting: undefined,
      lock: undefined,
      // Also while it is locked: a settlement after that is too late.
      cancelExpiry: this.#dependencies.deadlines.schedule(message.expiresAt, () =>
        this.#settle(queue, deviceId, entry, 'expired', 'Expired'),
      ),
    };
    queue.add(entry);
    return entry;
  }

  #locked(deviceId: string, lockToken: string): { queue: DeviceQueue; entry: QueueEntry } {
    this.#dependencies.deadlines.runDue();
    const queue = this.#queues.get(deviceId);
    const entry = queue?.locked(lockToken);
    if (queue && entry) return { queue, entry };
    throw new HubError(
      'deviceMessageLockLost',
      `The lock on the message of the device '${deviceId}' has run out, or the message is gone`,
    );
  }

  #settle(
    queue: DeviceQueue,
    deviceId: string,
    entry: QueueEntry,
    event: JournalEventType,
    statusCode: FeedbackStatusCode,
  ): void {
    queue.remove(entry);
    this.#record(event, deviceId, entry);
    const { message, deviceGenerationId } = entry;
    this.#dependencies.onOutcome({ statusCode, message, deviceId, deviceGenerationId });
  }

  /** A deleted device, or module, takes its queue along; nobody is told. */
  #drop(identity: DeviceIdentity): void {
    const deviceId = identityKey(identity);
    const queue = this.#queues.get(deviceId);
    this.#queues.delete(deviceId);
    for (const entry of queue?.entries() ?? []) {
      queue?.remove(entry);
      this.#record('deviceDeleted', deviceId, entry);
    }
  }

  #announce(deviceId: string): void {
    for (const listener of this.#listeners.get(deviceId) ?? []) listener();
  }

  #record(type: JournalEventType, deviceId: string, entry: QueueEntry): void {
    const { message, deviceGenerationId, attempts } = entry;
    this.#dependencies.onChange();
    this.#dependencies.journal.record({
      type,
      deviceId,
      deviceGenerationId,
      ...(message.messageId !== undefined && { messageId: message.messageId }),
      sequenceNumber: message.sequenceNumber,
      attempt: attempts,
      at: this.#dependencies.clock.now(),
    });
  }
}

/** How far ahead the sender's clock may be. */
const CLOCK_SKEW_MS = 5 * 60 * 1000;

// The service names the error and not its bounds: a time that is past, or further off than any time to live.
function checkExpiry(expiresAt: number, now: number): void {
  if (
    Number.isFinite(expiresAt) &&
    expiresAt > now &&
    expiresAt <= now + MAX_TTL_MS + CLOCK_SKEW_MS
  )
    return;
  throw new HubError('invalidExpiry', 'The message must expire within the next two days');
}
