import rhea from 'rhea-promise';
import type { Delivery, EventContext, Message } from 'rhea-promise';
import { within } from '../within.ts';
import { changeSignal } from './change-signal.ts';
import type { FeedbackConnection } from './feedback-connection.ts';

const FEEDBACK = '/messages/serviceBound/feedback';
/** AMQP 1.0 §2.8.3: a delivery is settled once the hub has confirmed what we say became of it. */
const SETTLE_SECOND = 1;

export interface DeliveredBatch {
  readonly body: Uint8Array;
  readonly delivery: Delivery;
}

export interface FeedbackLinkTimeouts {
  readonly attachMs: number;
  /** How long the hub may take to say that it has nothing more. */
  readonly drainMs: number;
  /** How long the hub may take to confirm that a batch is settled. */
  readonly settleMs: number;
  readonly detachMs: number;
}

/** A receiver on the hub's feedback endpoint that gives credit only while somebody waits, and settles only when told. */
export interface FeedbackLink {
  /**
   * Waits for a first batch, then takes what else there is. The credit that is left goes back to the hub before this
   * settles, so that no batch comes when nobody waits. Should the hub keep the credit, what comes late is for the next
   * call.
   */
  receive(limits: { waitMs: number; maxBatches: number }): Promise<DeliveredBatch[]>;
  /** Settles a batch for good; done once the hub has confirmed it. */
  complete(delivery: Delivery): Promise<void>;
  /** Rejects if the hub does not play along; the connection is not to be used any more then. */
  detach(): Promise<void>;
}

/** The hub answers, and does not let us have feedback. */
export class LinkRefused extends Error {
  constructor(cause: unknown) {
    super('The hub refused the link for feedback', { cause });
    this.name = 'LinkRefused';
  }
}

/** Rejects with LinkRefused; with anything else, the connection is not to be used any more. */
export async function attachFeedbackLink(
  connection: FeedbackConnection,
  timeouts: FeedbackLinkTimeouts,
): Promise<FeedbackLink> {
  const arrived: DeliveredBatch[] = [];
  const settled = new WeakSet<Delivery>();
  const change = changeSignal();
  let end: Error | undefined;

  function onEnd({ receiver }: EventContext): void {
    endWith(new Error('The hub detached the link', { cause: receiver?.error }));
  }
  function endWith(reason: Error): void {
    end ??= reason;
    change.notify();
  }
  const isEnded = (): boolean => end !== undefined;

  const { session, lost } = connection;
  const attaching = session.createReceiver({
    source: { address: FEEDBACK },
    abortSignal: lost,
    rcv_settle_mode: SETTLE_SECOND,
    autoaccept: false,
    credit_window: 0,
    onMessage({ message, delivery }) {
      if (message && delivery) arrived.push({ body: bytesOf(message), delivery });
      change.notify();
    },
    onSettled({ delivery }) {
      if (delivery) settled.add(delivery);
      change.notify();
    },
    onError: onEnd,
    onClose: onEnd,
  });
  const receiver = await within(timeouts.attachMs, 'Attaching to feedback', attaching);
  // AMQP 1.0 §2.6.3: a link that is refused has no source, and the reason follows.
  const source: unknown = receiver.source;
  if (!source) await change.until(isEnded, timeouts.attachMs);
  if (!source || end) throw new LinkRefused(end);
  receiver.on(rhea.ReceiverEvents.receiverDrained, () => change.notify());
  const onLost = (): void => endWith(new Error('The connection was lost', { cause: lost.reason }));
  if (lost.aborted) onLost();
  lost.addEventListener('abort', onLost, { once: true });

  /** AMQP 1.0 §2.6.7 */
  async function drain(): Promise<void> {
    if (isEnded() || receiver.credit === 0) return;
    receiver.drainCredit();
    await change.until(() => receiver.credit === 0 || isEnded(), timeouts.drainMs);
  }

  return {
    async receive({ waitMs, maxBatches }) {
      if (arrived.length < maxBatches && !isEnded()) {
        const credit = maxBatches - arrived.length - receiver.credit;
        receiver.drain = false;
        if (credit > 0) receiver.addCredit(credit);
        await change.until(() => arrived.length > 0 || isEnded(), waitMs);
        await drain();
      }
      if (end && arrived.length === 0) throw end;
      return arrived.splice(0, maxBatches);
    },

    async complete(delivery) {
      if (end) throw end;
      delivery.accept();
      await change.until(() => settled.has(delivery) || isEnded(), timeouts.settleMs);
      if (settled.has(delivery)) return;
      throw end ?? new Error('The hub did not confirm that a batch is settled');
    },

    async detach() {
      lost.removeEventListener('abort', onLost);
      if (end) return;
      end = new Error('The link has been detached');
      await within(
        timeouts.detachMs,
        'Detaching from feedback',
        receiver.close({ closeSession: false }),
      );
    },
  };
}

/** One or several data sections, or what a body of another kind says as text. */
function bytesOf({ body }: Message): Uint8Array {
  const content: unknown =
    typeof body === 'object' && body !== null && 'content' in body ? body.content : body;
  const parts: unknown[] = [content].flat();
  if (parts.every((part) => Buffer.isBuffer(part))) return Buffer.concat(parts);
  return Buffer.from(typeof content === 'string' ? content : '');
}
