import { randomUUID } from 'node:crypto';
import rhea from 'rhea-promise';
import type { EventContext, Receiver, Sender, Session } from 'rhea-promise';
import type { IotHubCredentials } from '../connection-string.ts';
import { cutOff, hangUp } from '../hang-up.ts';
import { audienceOf, sasToken, TOKEN_LIFETIME_MS } from '../sas-token.ts';
import type { Connection } from '../shared-connection.ts';
import { within } from '../within.ts';

const AMQPS_PORT = 5671;
const CLAIMS = '$cbs';
/** Our own bounds hold; the library's must not come first. */
const NO_BOUND_SECONDS = 24 * 60 * 60;
/** No session is begun on a connection whose token has less than half its life left; none lasts as long as that. */
const TOKEN_USE_MS = TOKEN_LIFETIME_MS / 2;

/** An AMQP connection that the hub has admitted, as the service SDK would make it, but with settlement in our hands. */
export interface FeedbackConnection extends Connection {
  readonly session: Session;
  /** Calls the listener when nothing can come over it any more; returns how to take the listener back. */
  onLost(listener: () => void): () => void;
  /** The result of `work`, or a rejection as soon as the connection is lost. */
  whileConnected<T>(work: Promise<T>): Promise<T>;
  cutOff(reason: unknown): void;
}

export async function openFeedbackConnection(options: {
  credentials: IotHubCredentials;
  now: () => number;
  openTimeoutMs: number;
  closeTimeoutMs: number;
}): Promise<FeedbackConnection> {
  const { credentials, now, openTimeoutMs, closeTimeoutMs } = options;
  const { hostName } = credentials;
  const connection = new rhea.Connection({
    transport: 'tls',
    host: hostName,
    hostname: hostName,
    port: AMQPS_PORT,
    reconnect: false,
    operationTimeoutInSeconds: NO_BOUND_SECONDS,
  });
  const expiresAt = now() + TOKEN_LIFETIME_MS;
  const lostListeners = new Set<() => void>();
  let lost = false;

  function lose(): void {
    if (lost) return;
    lost = true;
    for (const listener of lostListeners) listener();
    void hangUp(connection.getTlsSocket(), () => void connection.close(), closeTimeoutMs);
  }
  function onLost(listener: () => void): () => void {
    if (lost) listener();
    lostListeners.add(listener);
    return () => lostListeners.delete(listener);
  }
  async function whileConnected<T>(work: Promise<T>): Promise<T> {
    let forget: (() => void) | undefined;
    const end = new Promise<never>((_resolve, reject) => {
      forget = onLost(() => reject(new Error('The connection was lost')));
    });
    try {
      return await Promise.race([work, end]);
    } finally {
      forget?.();
    }
  }
  const { ConnectionEvents, SessionEvents } = rhea;
  for (const event of [
    ConnectionEvents.disconnected,
    ConnectionEvents.connectionClose,
    ConnectionEvents.connectionError,
    ConnectionEvents.error,
    ConnectionEvents.protocolError,
  ]) {
    connection.on(event, lose);
  }

  async function open(): Promise<Session> {
    await connection.open();
    connection.getTlsSocket()?.setNoDelay(true);
    const session = await connection.createSession();
    session.on(SessionEvents.sessionClose, lose);
    session.on(SessionEvents.sessionError, lose);
    await putToken(session, audienceOf(credentials), sasToken(credentials, expiresAt));
    return session;
  }

  try {
    const session = await within(openTimeoutMs, 'Connecting to the hub', whileConnected(open()));
    return {
      session,
      get usable() {
        return !lost && now() < expiresAt - TOKEN_USE_MS;
      },
      onLost,
      whileConnected,
      cutOff: (reason) => cutOff(connection.getTlsSocket(), reason),
      async close() {
        lost = true;
        await hangUp(connection.getTlsSocket(), () => void connection.close(), closeTimeoutMs);
      },
    };
  } catch (error) {
    lost = true;
    cutOff(connection.getTlsSocket(), error);
    throw new Error('The connection for feedback could not be opened', { cause: error });
  }
}

/** https://docs.oasis-open.org/amqp/amqp-cbs/v1.0/amqp-cbs-v1.0.html */
async function putToken(session: Session, audience: string, token: string): Promise<void> {
  const requests: Sender = await session.createSender({ target: { address: CLAIMS } });
  const messageId = randomUUID();
  const answer = await new Promise<EventContext>((resolve, reject) => {
    const onMessage = (context: EventContext): void => {
      if (context.message?.correlation_id === messageId) resolve(context);
    };
    const onEnd = (context: EventContext): void => reject(errorOf(context));
    openAnswers(session, onMessage, onEnd).then(
      () =>
        requests.send({
          message_id: messageId,
          to: CLAIMS,
          reply_to: 'cbs',
          application_properties: {
            operation: 'put-token',
            type: 'servicebus.windows.net:sastoken',
            name: audience,
          },
          body: token,
        }),
      reject,
    );
  });
  const status: unknown = answer.message?.application_properties?.['status-code'];
  if (status !== 200) throw new TokenRefused(status);
}

async function openAnswers(
  session: Session,
  onMessage: (context: EventContext) => void,
  onEnd: (context: EventContext) => void,
): Promise<Receiver> {
  return session.createReceiver({
    source: { address: CLAIMS },
    onMessage,
    onError: onEnd,
    onClose: onEnd,
  });
}

class TokenRefused extends Error {
  readonly condition: string | undefined;

  constructor(status: unknown) {
    super(`The hub answered ${String(status)} to our token`);
    this.name = 'TokenRefused';
    const isRefusal = typeof status === 'number' && status >= 400 && status < 500;
    this.condition = isRefusal ? 'amqp:unauthorized-access' : undefined;
  }
}

function errorOf(context: EventContext): unknown {
  return context.receiver?.error ?? context.error ?? new Error('The link was closed');
}
