import type { EventEmitter } from 'node:events';
import { randomUUID } from 'node:crypto';
import rhea from 'rhea';
import type {
  Connection,
  ConnectionOptions,
  Delivery,
  EventContext,
  Message,
  Receiver,
  ReceiverOptions,
  Sender,
  SenderOptions,
} from 'rhea';

const PATIENCE_MS = 10_000;

export interface Status {
  code: unknown;
  description: string;
  correlationId: unknown;
}

/** Of rhea, but not in its typings. */
interface Abortable extends EventEmitter {
  socket: unknown;
  abort_socket(socket: unknown): void;
}

/** The next event of its name; fails if it does not come. */
export async function next(emitter: EventEmitter, event: string): Promise<EventContext> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      emitter.removeListener(event, settle);
      reject(new Error(`No ${event} within ${PATIENCE_MS} ms`));
    }, PATIENCE_MS).unref();
    function settle(context: EventContext): void {
      clearTimeout(timer);
      resolve(context);
    }
    emitter.once(event, settle);
  });
}

/** A client that does only what it is told: credit and settlement by hand. */
export class RawAmqpClient {
  readonly connection: Connection;
  #cbsSender: Promise<Sender> | undefined;
  readonly #statuses = new Map<unknown, (status: Status) => void>();

  constructor(connection: Connection) {
    this.connection = connection;
    for (const event of ['disconnected', 'error', 'connection_error', 'session_error'])
      connection.on(event, () => {});
    for (const event of ['sender_error', 'receiver_error', 'sender_close', 'receiver_close'])
      connection.on(event, () => {});
    connection.on('connection_close', () => {});
  }

  static async open(
    port: number,
    ca: string,
    options: { sasl?: boolean } = {},
  ): Promise<RawAmqpClient> {
    const settings: ConnectionOptions & { ca: string } = {
      transport: 'tls',
      host: 'localhost',
      port,
      ca,
      reconnect: false,
      ...(options.sasl && { username: 'anonymous' }),
    };
    const client = new RawAmqpClient(rhea.create_container().connect(settings));
    await next(client.connection, 'connection_open');
    return client;
  }

  async putToken(token: string, changes: Partial<Message> = {}): Promise<Status> {
    this.#cbsSender ??= this.#attachCbs();
    const sender = await this.#cbsSender;
    const id = changes.message_id ?? randomUUID();
    const status = new Promise<Status>((resolve) => {
      this.#statuses.set(String(id), resolve);
    });
    sender.send({
      message_id: id,
      to: '$cbs',
      reply_to: 'cbs',
      application_properties: {
        operation: 'put-token',
        type: 'servicebus.windows.net:sastoken',
        name: 'localhost',
      },
      body: token,
      ...changes,
    });
    return status;
  }

  /** Resolves with the link once the hub has attached it, whether it detaches it then or not. */
  async attachReceiver(address: string, options: Partial<ReceiverOptions> = {}): Promise<Receiver> {
    const receiver = this.connection.open_receiver({
      source: { address },
      autoaccept: false,
      credit_window: 0,
      ...options,
    });
    await next(receiver, 'receiver_open');
    return receiver;
  }

  async attachSender(address: string, options: Partial<SenderOptions> = {}): Promise<Sender> {
    const sender = this.connection.open_sender({ target: { address }, ...options });
    await next(sender, 'sender_open');
    return sender;
  }

  /** The error with which the hub refuses a link of the client's role. */
  async refusal(
    role: 'sender' | 'receiver',
    address: string,
  ): Promise<{ link: Sender | Receiver; error: { condition?: string; description?: string } }> {
    const link =
      role === 'sender'
        ? this.connection.open_sender({ target: { address } })
        : this.connection.open_receiver({ source: { address } });
    await next(link, `${role}_close`);
    return { link, error: errorOf(link) };
  }

  /** Cuts the connection; rhea's timers end with it. */
  destroy(): void {
    const { connection }: { connection: EventEmitter } = this;
    (connection as Partial<Abortable>).abort_socket?.((connection as Partial<Abortable>).socket);
  }

  async #attachCbs(): Promise<Sender> {
    const receiver = await this.attachReceiver('$cbs', {
      autoaccept: true,
      credit_window: 10,
    });
    receiver.on('message', ({ message }: EventContext) => {
      const { application_properties: properties = {}, correlation_id: correlationId } =
        message ?? { body: undefined };
      this.#statuses.get(String(correlationId))?.({
        code: properties['status-code'],
        description: String(properties['status-description']),
        correlationId,
      });
    });
    const sender = this.connection.open_sender({ target: { address: '$cbs' } });
    await untilSendable(sender);
    return sender;
  }
}

export async function untilSendable(sender: Sender): Promise<void> {
  if (!sender.sendable()) await next(sender, 'sendable');
}

/** Sends and waits for the outcome. */
export async function sendAndSettle(
  sender: Sender,
  message: Message,
): Promise<{ outcome: string; error: { condition: string; description: string } | undefined }> {
  await untilSendable(sender);
  const delivery: Delivery = sender.send(message);
  return new Promise((resolve) => {
    for (const outcome of ['accepted', 'rejected', 'released', 'modified']) {
      sender.on(outcome, (context: EventContext) => {
        if (context.delivery === delivery)
          resolve({ outcome, error: context.delivery?.remote_state?.['error'] });
      });
    }
  });
}

/** rhea's own has getters only, which matchers do not see. */
function errorOf({ error }: Sender | Receiver): { condition?: string; description?: string } {
  if (!error || !('condition' in error)) return {};
  const { condition, description } = error;
  return { ...(condition && { condition }), ...(description && { description }) };
}
