import { randomUUID } from 'node:crypto';
import rhea from 'rhea-promise';
import type { EventContext, Session } from 'rhea-promise';
import { cutOff, hangUp } from '../hang-up.ts';
import { hubTokens, type HubCredentials } from '../hub-tokens.ts';
import type { Connection } from '../shared-connection.ts';
import { within } from '../within.ts';

const AMQPS_PORT = 5671;
const CLAIMS = '$cbs';
/** The library's own bound must not come before ours: what it does then may fail with nobody to hear of it. */
const LIBRARY_TIMEOUT_FACTOR = 1.5;
/** No session is begun on a connection whose token has less than half its life left; none lasts as long as that. */
const TOKEN_USE = 1 / 2;

/** An AMQP connection that the hub has admitted, as the service SDK would make it, but with settlement in our hands. */
export interface FeedbackConnection extends Connection {
  readonly session: Session;
  /** Aborted as soon as nothing can come over it any more. */
  readonly lost: AbortSignal;
  cutOff(reason: unknown): void;
}

export async function openFeedbackConnection(options: {
  credentials: HubCredentials;
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
    operationTimeoutInSeconds: (LIBRARY_TIMEOUT_FACTOR * openTimeoutMs) / 1000,
  });
  const tokens = hubTokens(credentials, now);
  let usableUntil = 0;
  const ending = new AbortController();
  const lost = ending.signal;

  function onEnd(context: EventContext): void {
    if (lost.aborted) return;
    ending.abort(context.error ?? context.connection.error ?? new Error('The hub ended it'));
    void goodbye();
  }
  async function goodbye(): Promise<void> {
    ending.abort();
    // That the hub has closed it, with an error or without, is known by then.
    const close = (): void => void connection.close().catch(() => undefined);
    await hangUp(connection.getTlsSocket(), close, closeTimeoutMs);
  }
  const { ConnectionEvents, SessionEvents } = rhea;
  for (const event of [
    ConnectionEvents.disconnected,
    ConnectionEvents.connectionClose,
    ConnectionEvents.connectionError,
    ConnectionEvents.error,
    ConnectionEvents.protocolError,
  ]) {
    connection.on(event, onEnd);
  }

  async function open(): Promise<Session> {
    await connection.open({ abortSignal: lost });
    // Small frames and Nagle's algorithm cost 40 ms each time the hub delays its acknowledgement.
    connection.getTlsSocket()?.setNoDelay(true);
    const session = await connection.createSession({ abortSignal: lost });
    session.on(SessionEvents.sessionClose, onEnd);
    session.on(SessionEvents.sessionError, onEnd);
    const { value, madeAt, expiresAt } = await tokens.make();
    usableUntil = expiresAt - (expiresAt - madeAt) * TOKEN_USE;
    await putToken(session, lost, tokens.audience, value);
    return session;
  }

  try {
    const session = await within(openTimeoutMs, 'Connecting to the hub', open());
    return {
      session,
      lost,
      get usable() {
        return !lost.aborted && now() < usableUntil;
      },
      cutOff: (reason) => cutOff(connection.getTlsSocket(), reason),
      close: goodbye,
    };
  } catch (error) {
    const reason: unknown = lost.aborted ? lost.reason : error;
    ending.abort();
    cutOff(connection.getTlsSocket(), reason);
    throw notOpened(reason);
  }
}

/** https://docs.oasis-open.org/amqp/amqp-cbs/v1.0/amqp-cbs-v1.0.html */
async function putToken(
  session: Session,
  lost: AbortSignal,
  audience: string,
  token: string,
): Promise<void> {
  const messageId = randomUUID();
  const request = {
    message_id: messageId,
    to: CLAIMS,
    reply_to: 'cbs',
    application_properties: {
      operation: 'put-token',
      type: 'servicebus.windows.net:sastoken',
      name: audience,
    },
    body: token,
  };
  const requests = await session.createSender({ target: { address: CLAIMS }, abortSignal: lost });
  const { message } = await new Promise<EventContext>((resolve, reject) => {
    const onEnd = (context: EventContext): void => reject(errorOf(context));
    lost.addEventListener('abort', () => reject(lost.reason), { once: true });
    session
      .createReceiver({
        source: { address: CLAIMS },
        abortSignal: lost,
        onMessage(context) {
          if (context.message?.correlation_id === messageId) resolve(context);
        },
        onError: onEnd,
        onClose: onEnd,
      })
      .then(() => requests.send(request), reject);
  });
  const status: unknown = message?.application_properties?.['status-code'];
  if (status !== 200) throw new TokenRefused(status);
}

function notOpened(cause: unknown): Error {
  return new Error('The connection for feedback could not be opened', { cause });
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
