import rhea from 'rhea';
import type { Message } from 'rhea';
import type { Credential } from '../auth/credential.ts';
import { faultError } from './amqp-error.ts';
import { identityIn } from './device-address.ts';
import type { HubContext } from './hub-context.ts';
import { LINK_CREDIT, MAX_TOKENS_PER_CONNECTION } from './limits.ts';
import type { LinkContext, ReceivingHandler, ReceivingRoute, SendingRoute } from './link-route.ts';
import { loggable } from './log-detail.ts';
import { readPutToken, verifyToken } from './put-token.ts';
import type { RheaDelivery } from './rhea-internals.ts';
import { repliesPerPeer, ReplyLink, type Replies } from './replies.ts';
import { workUnderFault } from '../faults/work-under-fault.ts';
import { HubError } from '../state/hub-error.ts';

const ADDRESS = /^\/\$cbs$/i;
const IDENTITY = /\/devices\/([^/]+)(?:\/modules\/([^/]+))?/;
const OK = { statusCode: 200, description: 'OK' };
const TOO_MANY_TOKENS = {
  statusCode: 403,
  description: `ErrorCode:IotHubMaxCbsTokenExceeded;At most ${MAX_TOKENS_PER_CONNECTION} tokens per connection`,
};

interface Status {
  readonly statusCode: number;
  readonly description: string;
}

/** The $cbs links: how clients bring their tokens. https://docs.oasis-open.org/amqp/amqp-cbs/v1.0/amqp-cbs-v1.0.html */
export function claimsBasedSecurity(hub: HubContext): [ReceivingRoute, SendingRoute] {
  const repliesOf = repliesPerPeer();
  return [
    {
      role: 'receiver',
      address: ADDRESS,
      credit: LINK_CREDIT,
      open: (_receiver, context) => new Requests(hub, context, repliesOf(context.peer)),
    },
    {
      role: 'sender',
      address: ADDRESS,
      open: (sender, { peer }) => new ReplyLink(sender, repliesOf(peer)),
    },
  ];
}

class Requests implements ReceivingHandler {
  readonly #hub: HubContext;
  readonly #context: LinkContext;
  readonly #replies: Replies;

  constructor(hub: HubContext, context: LinkContext, replies: Replies) {
    this.#hub = hub;
    this.#context = context;
    this.#replies = replies;
  }

  onMessage(message: Message | Buffer, delivery: RheaDelivery): void {
    delivery.accept();
    const { peer } = this.#context;
    const request = Buffer.isBuffer(message) ? { body: undefined } : message;
    const answer = (status: Status): void => this.#reply(request, status);
    const run = (): void => this.#putToken(request, answer);
    const effect = this.#hub.faults.take('amqp-put-token', () => this.#identityOf(request));
    if (!effect) {
      run();
      return;
    }
    workUnderFault(effect, peer, {
      run,
      runUnanswered: () => this.#putToken(request, () => {}),
      refuse: (error) =>
        answer({
          statusCode: error.httpStatus ?? 401,
          description: faultError(error).description,
        }),
    });
  }

  close(): void {
    // Nothing of its own to give back: the tokens are the connection's.
  }

  #putToken(request: Message, answer: (status: Status) => void): void {
    const { peer } = this.#context;
    try {
      const { audience, token } = readPutToken(request);
      const identity = this.#identityOf(request);
      if (identity !== undefined && this.#hub.faults.requested.refusesConnections(identity)) {
        peer.drop();
        return;
      }
      const credential = this.#hub.authenticator.read(token);
      if (!(credential instanceof Promise)) {
        answer(this.#admitOrRefuse(audience, credential));
        return;
      }
      credential.then(
        (verified) => peer.soon(() => answer(this.#admitOrRefuse(audience, verified))),
        (error: unknown) => peer.soon(() => answer(this.#refusal(error))),
      );
    } catch (error) {
      answer(this.#refusal(error));
    }
  }

  #admitOrRefuse(audience: string, credential: Credential): Status {
    try {
      return this.#admit(audience, credential);
    } catch (error) {
      return this.#refusal(error);
    }
  }

  #admit(audience: string, credential: Credential): Status {
    const { peer } = this.#context;
    const { claims } = peer;
    const expiresAt = verifyToken(this.#hub.authenticator, credential);
    if (!claims.has(audience) && claims.size >= MAX_TOKENS_PER_CONNECTION) return TOO_MANY_TOKENS;
    claims.put(audience, credential, expiresAt);
    peer.log('put-token', { audience: loggable(audience), status: 200 });
    return OK;
  }

  #refusal(error: unknown): Status {
    if (!(error instanceof HubError)) throw error;
    this.#context.peer.log('put-token', { status: error.httpStatus, error: error.errorName });
    return {
      statusCode: error.httpStatus,
      description: `ErrorCode:${error.errorName};${error.message}`,
    };
  }

  /** The device or module whose token it is, by the name that the token goes by. */
  #identityOf({ application_properties: properties }: Message): string | undefined {
    const audience: unknown = properties?.['name'];
    if (typeof audience !== 'string') return undefined;
    const match = IDENTITY.exec(tryDecode(audience));
    return match ? identityIn(match, this.#hub.state.registry) : undefined;
  }

  #reply(request: Message, { statusCode, description }: Status): void {
    const { message_id: messageId, reply_to: replyTo } = request;
    const error = this.#replies.add({
      ...(messageId !== undefined && { correlation_id: messageId }),
      ...(replyTo !== undefined && { to: replyTo }),
      application_properties: {
        // An int: some SDKs compare the type as well.
        'status-code': rhea.types.wrap_int(statusCode),
        'status-description': description,
      },
      body: undefined,
    });
    if (error) this.#context.detach(error);
  }
}

function tryDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
