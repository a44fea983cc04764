import type { Message } from 'rhea';
import type { AmqpError } from './amqp-error.ts';
import { CreditedSender } from './credited-sender.ts';
import { MAX_UNSENT_REPLIES } from './limits.ts';
import type { Peer, SendingHandler } from './link-route.ts';
import type { RheaDelivery, RheaSender } from './rhea-internals.ts';

/** One link that the client made for answers, named by its address at the client's end. */
export class ReplyLink implements SendingHandler {
  readonly address: string | undefined;
  readonly outgoing: CreditedSender;
  readonly #replies: Replies;

  constructor(sender: RheaSender, replies: Replies) {
    const address: unknown = sender.target?.address;
    this.address = typeof address === 'string' ? address : undefined;
    this.outgoing = new CreditedSender(sender);
    this.#replies = replies;
    replies.links.add(this);
    replies.flush();
  }

  onFlow(): void {
    this.#replies.flush();
    this.outgoing.drain();
  }

  onOutcome(delivery: RheaDelivery): void {
    this.outgoing.settle(delivery);
  }

  close(): void {
    this.outgoing.close();
    this.#replies.links.delete(this);
  }
}

/** Answers on their way to the link that they belong on, which may attach later than the request comes. */
export class Replies {
  readonly links = new Set<ReplyLink>();
  #unsent: Message[] = [];

  add(reply: Message): AmqpError | undefined {
    this.#unsent.push(reply);
    this.flush();
    if (this.#unsent.length <= MAX_UNSENT_REPLIES) return undefined;
    this.#unsent = [];
    return {
      condition: 'amqp:resource-limit-exceeded',
      description: `${MAX_UNSENT_REPLIES} answers wait for a link or its credit`,
    };
  }

  flush(): void {
    this.#unsent = this.#unsent.filter((reply) => {
      const link = this.#linkFor(reply.to);
      if (!link?.outgoing.canSend()) return true;
      link.outgoing.send(reply);
      return false;
    });
  }

  /** By the address that the request gave; the Node SDK gives one that no link has. */
  #linkFor(replyTo: string | undefined): ReplyLink | undefined {
    let last: ReplyLink | undefined;
    for (const link of this.links) {
      if (replyTo !== undefined && link.address === replyTo) return link;
      last = link;
    }
    return last;
  }
}

export function repliesPerPeer(): (peer: Peer) => Replies {
  const replies = new WeakMap<Peer, Replies>();
  return (peer) => {
    const known = replies.get(peer) ?? new Replies();
    replies.set(peer, known);
    return known;
  };
}
