import type { MessageStatus } from '../../functions/messages/message.ts';
import type { InvocationStatus } from '../../functions/methods/invocation.ts';
import { DEVICE_IDS } from './command.ts';
import type { SystemUnderTest } from './system-under-test.ts';
import type { FinalRecord } from './verdict.ts';
import type { FinalInvocation } from './verdict-on-invocation.ts';

interface MessageRecord extends FinalRecord {
  readonly createdAt: number;
  /** From creation to the last change. */
  readonly tookMs: number;
}

/** Everything that Downlink knows in the end, by id. */
export interface Records {
  readonly messages: ReadonlyMap<string, MessageRecord>;
  readonly invocations: ReadonlyMap<string, FinalInvocation>;
}

interface MessageResource {
  readonly messageId: string;
  readonly status: MessageStatus;
  readonly final: boolean;
  readonly attempt: number;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly history: readonly { readonly detail?: string }[];
}

interface InvocationResource {
  readonly invocationId: string;
  readonly status: InvocationStatus;
  readonly final: boolean;
  readonly attempt: number;
  readonly result: { readonly status: number } | null;
}

/** Reads them as a user would: page by page. */
export async function readRecords(system: SystemUnderTest): Promise<Records> {
  const messages = new Map<string, MessageRecord>();
  const invocations = new Map<string, FinalInvocation>();
  for (const deviceId of DEVICE_IDS) {
    for await (const item of pages<MessageResource>(system, deviceId, 'messages')) {
      messages.set(item.messageId, messageRecord(item));
    }
    for await (const item of pages<InvocationResource>(system, deviceId, 'invocations')) {
      const { status, final, attempt, result } = item;
      invocations.set(item.invocationId, { status, final, attempt, resultStatus: result?.status });
    }
  }
  return { messages, invocations };
}

/** How many commands are still to be handed over or called. */
export async function countWaiting(system: SystemUnderTest): Promise<number> {
  let waiting = 0;
  for (const deviceId of DEVICE_IDS) {
    for (const what of [
      'messages?status=accepted',
      'messages?status=deferred',
      'invocations?status=accepted',
      'invocations?status=calling',
    ]) {
      for await (const _ of pages(system, deviceId, what)) waiting++;
    }
  }
  return waiting;
}

async function* pages<Item>(
  system: SystemUnderTest,
  deviceId: string,
  what: string,
): AsyncGenerator<Item> {
  let next = '';
  do {
    const separator = what.includes('?') ? '&' : '?';
    const route = `/api/devices/${deviceId}/${what}${separator}limit=200${next}`;
    const answer = await system.call('GET', route, { instance: 0 });
    if (answer?.status !== 200) throw new Error(`${route} is answered ${answer?.status}`);
    yield* answer.body['items'] as Item[];
    const token = answer.body['continuationToken'];
    next = typeof token === 'string' ? `&continuationToken=${encodeURIComponent(token)}` : '';
  } while (next !== '');
}

function messageRecord(item: MessageResource): MessageRecord {
  const { status, final, attempt, createdAt, updatedAt, history } = item;
  return {
    status,
    final,
    attempt,
    details: history.flatMap(({ detail }) => detail ?? []),
    createdAt: Date.parse(createdAt),
    tookMs: Date.parse(updatedAt) - Date.parse(createdAt),
  };
}
