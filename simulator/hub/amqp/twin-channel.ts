import rhea from 'rhea';
import type { Message } from 'rhea';
import { desiredChangeJson, type TwinAnswer } from '../state/twin-answer.ts';
import type { DesiredChange } from '../state/twins.ts';
import type { CreditedSender } from './credited-sender.ts';
import { MAX_UNSENT_TWIN_MESSAGES } from './limits.ts';

const DESIRED = '/properties/desired';

/** What the two links of a device's twin share: the way back to the device. */
export class TwinChannel {
  #outgoing: CreditedSender | undefined;
  #unsent: Message[] = [];
  #stopFollowing: (() => void) | undefined;

  /** From now on the device hears of changes, as `follow` tells them. */
  follow(follow: (listener: (change: DesiredChange) => void) => () => void): void {
    this.#stopFollowing ??= follow((change) => this.#notify(change));
  }

  unfollow(): void {
    this.#stopFollowing?.();
    this.#stopFollowing = undefined;
  }

  /** To the request of this correlation id, as rhea read it. */
  answer(correlationId: Message['correlation_id'], { status, body, version }: TwinAnswer): void {
    this.#send({
      ...(correlationId !== undefined && { correlation_id: correlationId }),
      message_annotations: {
        // An int: some SDKs compare the type as well.
        status: rhea.types.wrap_int(status),
        ...(version !== undefined && { version: rhea.types.wrap_long(version) }),
      },
      body: rhea.message.data_section(Buffer.from(body)),
    });
  }

  open(outgoing: CreditedSender): void {
    this.#outgoing = outgoing;
    this.flush();
  }

  flush(): void {
    while (this.#outgoing?.canSend()) {
      const message = this.#unsent.shift();
      if (!message) break;
      this.#outgoing.sendForgotten(message);
    }
  }

  close(): void {
    this.unfollow();
    this.#outgoing = undefined;
    this.#unsent = [];
  }

  /** By its lack of a correlation id the device knows it from an answer. */
  #notify(change: DesiredChange): void {
    this.#send({
      message_annotations: {
        operation: 'PATCH',
        resource: DESIRED,
        version: rhea.types.wrap_long(change.version),
      },
      body: rhea.message.data_section(Buffer.from(desiredChangeJson(change))),
    });
  }

  /** A device that gives no credit misses the oldest. */
  #send(message: Message): void {
    if (this.#unsent.length >= MAX_UNSENT_TWIN_MESSAGES) this.#unsent.shift();
    this.#unsent.push(message);
    this.flush();
  }
}
