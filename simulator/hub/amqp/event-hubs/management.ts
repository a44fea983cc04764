import rhea from 'rhea';
import type { Message } from 'rhea';
import type { Credential } from '../../auth/credential.ts';
import type { EventPartition } from '../../state/event-partition.ts';
import type { EventStore } from '../../state/event-store.ts';
import type { HubContext } from '../hub-context.ts';
import { LINK_CREDIT } from '../limits.ts';
import type { LinkContext, ReceivingHandler, ReceivingRoute, SendingRoute } from '../link-route.ts';
import { repliesPerPeer, ReplyLink, type Replies } from '../replies.ts';
import type { RheaDelivery } from '../rhea-internals.ts';
import { authorizeFor, couldNotBeFound, isEventHub, OWN_PATH } from './event-hub-path.ts';

/** Most SDKs write it without the name of the event hub. */
const ADDRESS = /^\/(?:(.+)\/)?\$management$/i;
/** AMQP 1.0 §1.6.20: str8-utf8 */
const STRING = 0xa1;
/** What the service says of a partition without events: the first of all times. */
const NEVER_MS = Date.parse('0001-01-01T00:00:00Z');

type Answer =
  | { readonly statusCode: 200; readonly body: Readonly<Record<string, unknown>> }
  | { readonly statusCode: 400 | 404; readonly condition: string; readonly description: string };

/** Where clients ask what partitions there are and how far they are. https://learn.microsoft.com/azure/event-hubs/event-hubs-amqp-protocol-guide */
export function management(hub: HubContext): [ReceivingRoute, SendingRoute] {
  const repliesOf = repliesPerPeer();
  const authorize = (credential: Credential, match: RegExpExecArray): void => {
    const { events } = hub.state;
    const names = match[1] === undefined ? [events.name, OWN_PATH] : [match[1]];
    authorizeFor(
      hub,
      credential,
      names.map((name) => `${name}/$management`),
    );
  };
  return [
    {
      role: 'receiver',
      address: ADDRESS,
      credit: LINK_CREDIT,
      authorize,
      open: (_receiver, context) =>
        new Requests(hub.state.events, context, repliesOf(context.peer)),
    },
    {
      role: 'sender',
      address: ADDRESS,
      authorize,
      open: (sender, { peer }) => new ReplyLink(sender, repliesOf(peer)),
    },
  ];
}

class Requests implements ReceivingHandler {
  readonly #events: EventStore;
  readonly #context: LinkContext;
  readonly #replies: Replies;

  constructor(events: EventStore, context: LinkContext, replies: Replies) {
    this.#events = events;
    this.#context = context;
    this.#replies = replies;
  }

  onMessage(message: Message | Buffer, delivery: RheaDelivery): void {
    delivery.accept();
    const request = Buffer.isBuffer(message) ? { body: undefined } : message;
    const properties: Readonly<Record<string, unknown>> = request.application_properties ?? {};
    const answer = answerTo(properties, this.#events);
    const { message_id: messageId, reply_to: replyTo } = request;
    const error = this.#replies.add({
      ...(messageId !== undefined && { correlation_id: messageId }),
      ...(replyTo !== undefined && { to: replyTo }),
      application_properties: {
        'status-code': rhea.types.wrap_int(answer.statusCode),
        ...('body' in answer
          ? { 'status-description': 'OK' }
          : { 'status-description': answer.description, 'error-condition': answer.condition }),
      },
      body: 'body' in answer ? answer.body : undefined,
    });
    if (error) this.#context.detach(error);
  }

  close(): void {
    // Nothing of its own to give back.
  }
}

function answerTo(request: Readonly<Record<string, unknown>>, events: EventStore): Answer {
  const { operation, type, name, partition } = request;
  if (operation !== 'READ') return badRequest('The operation must be READ');
  if (typeof name !== 'string' || !isEventHub(events, name)) return notFound(String(name));
  if (type === 'com.microsoft:eventhub') return { statusCode: 200, body: hubProperties(events) };
  if (type !== 'com.microsoft:partition') return badRequest(`There is no type '${String(type)}'`);
  const found = events.partition(String(partition));
  if (!found) return notFound(`${name}/Partitions/${String(partition)}`);
  return { statusCode: 200, body: partitionProperties(events, found) };
}

function hubProperties(events: EventStore): Readonly<Record<string, unknown>> {
  const ids = events.partitions().map(({ id }) => id);
  return {
    name: events.name,
    type: 'com.microsoft:eventhub',
    created_at: rhea.types.wrap_timestamp(events.createdAt),
    partition_count: rhea.types.wrap_int(ids.length),
    partition_ids: rhea.types.wrap_array(ids, STRING, undefined),
    georeplication_factor: rhea.types.wrap_int(1),
  };
}

function partitionProperties(
  events: EventStore,
  partition: EventPartition,
): Readonly<Record<string, unknown>> {
  const properties = partition.properties();
  return {
    name: events.name,
    type: 'com.microsoft:partition',
    partition: partition.id,
    begin_sequence_number: rhea.types.wrap_long(properties.beginSequenceNumber),
    last_enqueued_sequence_number: rhea.types.wrap_long(properties.lastSequenceNumber),
    last_enqueued_offset: String(properties.lastOffset),
    last_enqueued_time_utc: rhea.types.wrap_timestamp(properties.lastEnqueuedAt ?? NEVER_MS),
    is_partition_empty: properties.isEmpty,
  };
}

function badRequest(description: string): Answer {
  return { statusCode: 400, condition: 'com.microsoft:argument-error', description };
}

function notFound(what: string): Answer {
  return { statusCode: 404, condition: 'amqp:not-found', description: couldNotBeFound(what) };
}
