import type { IPublishPacket } from 'mqtt-packet';

import type { FaultPlan } from '../faults/fault-plan.ts';
import { workUnderFault, type FaultyConnection } from '../faults/work-under-fault.ts';
import { ownExpiresAt } from '../state/cloud-to-device-message.ts';
import type { CloudToDeviceQueues, Delivery } from '../state/cloud-to-device-queues.ts';
import { HubError } from '../state/hub-error.ts';
import type { Payloads } from '../wire-log.ts';
import type { LogDetail } from './log-detail.ts';
import { MAX_IN_FLIGHT_MESSAGES, MAX_TOPIC_BYTES } from './limits.ts';
import { formatPropertyBag } from './property-bag.ts';
import type { Session, Subscription } from './sessions.ts';
import { cloudToDeviceTopic } from './topics.ts';

export interface MessageDeliveryOptions {
  readonly deviceId: string;
  readonly faults: FaultPlan;
  readonly connection: FaultyConnection;
  readonly session: Session;
  readonly queues: CloudToDeviceQueues;
  readonly defaultTtlMs: number;
  /** False: the device has not read what it was sent before; resume() follows when it has. */
  readonly send: (packet: IPublishPacket) => boolean;
  readonly log: (event: string, detail: LogDetail, payloads?: () => Payloads) => void;
}

interface InFlight {
  readonly sequenceNumber: number;
  readonly lockToken: string;
}

/** Hands the messages of one device's queue to its one connection; PUBACK completes them. */
export class MessageDelivery {
  readonly #options: MessageDeliveryOptions;
  readonly #inFlight = new Map<number, InFlight>();
  #subscription: Subscription | undefined;
  #stopListening: (() => void) | undefined;
  #isPumpPlanned = false;
  #canSend = true;

  constructor(options: MessageDeliveryOptions) {
    this.#options = options;
  }

  get unacknowledged(): number {
    return this.#inFlight.size;
  }

  subscribe(subscription: Subscription): void {
    const { queues, deviceId } = this.#options;
    this.#subscription = subscription;
    this.#stopListening ??= queues.onAvailable(deviceId, () => this.#planPump());
    this.#planPump();
  }

  /** What is on its way may still be acknowledged. [MQTT-3.10.4-3] */
  unsubscribe(): void {
    this.#subscription = undefined;
    this.#stopListening?.();
    this.#stopListening = undefined;
  }

  resume(): void {
    this.#canSend = true;
    this.#planPump();
  }

  acknowledge(identifier: number): void {
    const { faults, connection, deviceId } = this.#options;
    const effect = faults.take('device-settlement', deviceId);
    if (effect) workUnderFault(effect, connection, { run: () => this.#acknowledge(identifier) });
    else this.#acknowledge(identifier);
  }

  #acknowledge(identifier: number): void {
    const { deviceId, session, log } = this.#options;
    const inFlight = this.#inFlight.get(identifier);
    if (inFlight === undefined) {
      log('puback of nothing', { identifier });
      return;
    }
    this.#inFlight.delete(identifier);
    session.acknowledged(inFlight.sequenceNumber);
    log('puback', { identifier });
    this.#complete(deviceId, inFlight);
    this.#planPump();
  }

  /** The connection is gone: what it did not acknowledge waits in its place again. */
  stop(): void {
    this.unsubscribe();
    for (const { lockToken } of this.#inFlight.values()) {
      this.#options.queues.release(this.#options.deviceId, lockToken);
    }
    this.#inFlight.clear();
  }

  /** Not at once: the queue announces a message amid the work of whoever changed it. */
  #planPump(): void {
    if (!this.#isPumpPlanned) {
      this.#isPumpPlanned = true;
      queueMicrotask(() => {
        this.#isPumpPlanned = false;
        this.#pump();
      });
    }
  }

  #pump(): void {
    const { queues, deviceId } = this.#options;
    while (
      this.#subscription !== undefined &&
      this.#canSend &&
      this.#inFlight.size < MAX_IN_FLIGHT_MESSAGES
    ) {
      const delivery = queues.receive(deviceId);
      this.#forgetGone(delivery?.message.sequenceNumber ?? Infinity);
      if (delivery === undefined) {
        return;
      }
      this.#deliver(delivery, this.#subscription);
    }
  }

  /** The queue yields in order, so an earlier message that is not in flight has met its end. */
  #forgetGone(next: number): void {
    const inFlight = new Set([...this.#inFlight.values()].map((entry) => entry.sequenceNumber));
    this.#options.session.forget(
      (sequenceNumber) => sequenceNumber < next && !inFlight.has(sequenceNumber),
    );
  }

  #deliver(delivery: Delivery, { qos, deviceSegment }: Subscription): void {
    const { queues, deviceId, session, log } = this.#options;
    const { message, lockToken } = delivery;
    const topic = cloudToDeviceTopic(
      deviceSegment,
      formatPropertyBag(message, ownExpiresAt(message, this.#options.defaultTtlMs)),
    );
    const packet: IPublishPacket = {
      cmd: 'publish',
      topic,
      payload: message.body,
      qos,
      dup: false,
      retain: false,
    };
    const detail = { messageId: message.messageId ?? '', qos };
    if (Buffer.byteLength(topic) > MAX_TOPIC_BYTES) {
      // Nobody has said what the real hub does; a message that fits no topic must not block the rest.
      log('message fits no topic', detail);
      queues.reject(deviceId, lockToken);
      return;
    }
    const inFlight = { sequenceNumber: message.sequenceNumber, lockToken };
    if (qos === 0) {
      this.#send(packet);
      log('message', detail, () => ({ sent: message.body }));
      this.#complete(deviceId, inFlight);
      return;
    }
    const { identifier, isDuplicate } = session.identifierFor(message.sequenceNumber);
    this.#inFlight.set(identifier, inFlight);
    this.#send({ ...packet, dup: isDuplicate, messageId: identifier }); // [MQTT-3.3.1-1]
    const sent = { ...detail, identifier, dup: isDuplicate };
    log('message', sent, () => ({ sent: message.body }));
  }

  #send(packet: IPublishPacket): void {
    const { faults, connection, deviceId, send } = this.#options;
    const run = (): void => {
      this.#canSend = send(packet);
    };
    const effect = faults.take('device-message', deviceId);
    if (effect) workUnderFault(effect, connection, { run });
    else run();
  }

  #complete(deviceId: string, { lockToken, sequenceNumber }: InFlight): void {
    const { queues, log } = this.#options;
    try {
      queues.complete(deviceId, lockToken);
    } catch (error) {
      if (!(error instanceof HubError)) {
        throw error;
      }
      // Its lock ran out, or it expired or was purged on its way; MQTT has no way to say so.
      log('settled too late', { sequenceNumber, code: error.code });
    }
  }
}
