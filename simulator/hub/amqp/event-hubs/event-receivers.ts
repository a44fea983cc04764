import type { EventPartition } from '../../state/event-partition.ts';
import type { EventReader } from '../../state/event-readers.ts';
import { HubError } from '../../state/hub-error.ts';
import { MAX_READERS_PER_PARTITION } from '../../state/limits.ts';
import { toAmqpError, type AmqpError } from '../amqp-error.ts';
import { CreditedSender } from '../credited-sender.ts';
import type { HubContext } from '../hub-context.ts';
import type { LinkContext, SendingHandler, SendingRoute } from '../link-route.ts';
import type { RheaDelivery, RheaSender } from '../rhea-internals.ts';
import { couldNotBeFound, isEventHub, pathOf } from './event-hub-path.ts';
import { eventMessage, runtimeMetrics } from './event-message.ts';
import { readStartPosition } from './start-position.ts';

const EPOCH = 'com.microsoft:epoch';
const RUNTIME_METRICS = 'com.microsoft:enable-receiver-runtime-metric';
/** What lies with a reader unread, before the next events wait. */
const MAX_UNREAD_EVENT_BYTES = 1024 * 1024;
/** What is handed to rhea in one go: only then is known how much of it lies unread. */
const SLICE_BYTES = 256 * 1024;

/** Where a back end reads what devices sent. https://learn.microsoft.com/azure/event-hubs/event-hubs-amqp-protocol-guide */
export function eventReceivers(hub: HubContext): SendingRoute {
  return {
    role: 'sender',
    address: /^\/(.+)\/consumergroups\/([^/]+)\/partitions\/([^/]+)$/i,
    maySendSettled: true,
    authorize(token, match) {
      hub.authenticator.service(token, 'serviceConnect', pathOf(match[0]));
    },
    open: (sender, context) => openReader(hub, sender, context),
  };
}

function openReader(hub: HubContext, sender: RheaSender, context: LinkContext): SendingHandler {
  try {
    const reader = new PartitionReader(hub, sender, context);
    reader.join();
    return reader;
  } catch (error) {
    if (!(error instanceof HubError)) throw error;
    context.detach(toAmqpError(error));
    return NOBODY;
  }
}

class PartitionReader implements SendingHandler, EventReader {
  readonly consumerGroup: string;
  readonly partitionId: string;
  readonly ownerLevel?: number;
  readonly #hub: HubContext;
  readonly #context: LinkContext;
  readonly #partition: EventPartition;
  readonly #outgoing: CreditedSender;
  readonly #wantsMetrics: boolean;
  #position: number;
  #cleanUps: (() => void)[] = [];
  #isPumpPlanned = false;
  #isClosed = false;

  constructor(hub: HubContext, sender: RheaSender, context: LinkContext) {
    const [, entity = '', group = '', partitionId = ''] = context.match;
    const { events } = hub.state;
    this.consumerGroup = pathOf(group).join('/');
    if (!isEventHub(events, entity) || !events.consumerGroups.has(this.consumerGroup))
      throw new HubError('notFound', couldNotBeFound(`${entity}/${this.consumerGroup}`));
    const partition = events.partition(partitionId);
    if (!partition) throw new HubError('argumentInvalid', `There is no partition '${partitionId}'`);
    const ownerLevel = sender.properties?.[EPOCH];
    if (typeof ownerLevel === 'number') this.ownerLevel = ownerLevel;
    this.partitionId = partitionId;
    this.#hub = hub;
    this.#context = context;
    this.#partition = partition;
    this.#outgoing = new CreditedSender(sender);
    this.#wantsMetrics = [sender.desired_capabilities].flat().includes(RUNTIME_METRICS);
    this.#position = partition.resolve(readStartPosition(sender.source?.filter));
  }

  join(): void {
    const admission = this.#hub.state.events.readers.join(this);
    if ('refusal' in admission) {
      this.#context.detach(
        admission.refusal === 'owned' ? ownedBy(admission.ownerLevel) : TOO_MANY_READERS,
      );
      return;
    }
    this.#cleanUps = [admission.leave, this.#partition.onAppended(() => this.#planPump())];
    this.onFlow();
  }

  position(): number {
    return this.#position;
  }

  onStolen(ownerLevel: number): void {
    this.#context.detach(stolenBy(ownerLevel));
  }

  onFlow(): void {
    this.#pump();
    this.#outgoing.drain();
  }

  onDrain(): void {
    this.#pump();
  }

  onOutcome(delivery: RheaDelivery): void {
    this.#outgoing.settle(delivery);
  }

  close(): void {
    this.#isClosed = true;
    this.#outgoing.close();
    for (const cleanUp of this.#cleanUps) cleanUp();
  }

  /** Not at once: whoever appended has more to do. */
  #planPump(): void {
    if (this.#isPumpPlanned) return;
    this.#isPumpPlanned = true;
    this.#context.peer.soon(() => {
      this.#isPumpPlanned = false;
      this.#pump();
    });
  }

  #pump(): void {
    let bytes = 0;
    // Goes on in `onDrain`.
    if (this.#context.peer.unreadBytes() > MAX_UNREAD_EVENT_BYTES) return;
    while (!this.#isClosed && this.#outgoing.canSend()) {
      const event = this.#partition.after(this.#position);
      if (!event) return;
      this.#position = event.sequenceNumber;
      const message = eventMessage(event);
      if (this.#wantsMetrics)
        message.delivery_annotations = runtimeMetrics(
          this.#partition.properties(),
          this.#hub.state.clock.now(),
        );
      this.#outgoing.send(message);
      bytes += event.body.length;
      if (bytes < SLICE_BYTES) continue;
      this.#planPump();
      return;
    }
  }
}

const NOBODY: SendingHandler = { onFlow: () => {}, onOutcome: () => {}, close: () => {} };

const TOO_MANY_READERS: AmqpError = {
  condition: 'amqp:resource-limit-exceeded',
  description: `At most ${MAX_READERS_PER_PARTITION} receivers without an owner level may read a partition for one consumer group`,
};

function ownedBy(ownerLevel: number): AmqpError {
  return {
    condition: 'amqp:link:stolen',
    description: `A receiver with the higher epoch '${ownerLevel}' reads the partition for this consumer group`,
  };
}

function stolenBy(ownerLevel: number): AmqpError {
  return {
    condition: 'amqp:link:stolen',
    description: `A new receiver with the epoch '${ownerLevel}' was created, so this one is disconnected`,
  };
}
