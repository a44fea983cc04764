import rhea from 'rhea';
import type { AmqpError, Container, Delivery, Message, Receiver, Sender, Session } from 'rhea';

/** The parts of rhea 3.0 that the hub needs and rhea's typings lack. */

/** rhea's getters unwrap whatever the other side wrote: no field is sure to be there, or of its type. */
export interface Performative {
  /** The fields at their positions in the frame. */
  readonly value: unknown[];
}

export interface OpenPerformative extends Performative {
  readonly max_frame_size: unknown;
  idle_time_out: unknown;
}

export interface BeginPerformative extends Performative {
  readonly remote_channel: unknown;
  readonly next_outgoing_id: unknown;
  readonly incoming_window: unknown;
  readonly outgoing_window: unknown;
}

export interface AttachPerformative extends Performative {
  readonly name: unknown;
  readonly handle: unknown;
  role: unknown;
  source: unknown;
  target: unknown;
  readonly initial_delivery_count: unknown;
}

export interface FlowPerformative extends Performative {
  next_incoming_id: unknown;
  readonly incoming_window: unknown;
  readonly next_outgoing_id: unknown;
  readonly outgoing_window: unknown;
  readonly handle: unknown;
  delivery_count: unknown;
  readonly link_credit: unknown;
  readonly echo: unknown;
}

export interface TransferPerformative extends Performative {
  readonly handle: unknown;
  readonly delivery_id: unknown;
  message_format: unknown;
  readonly more: unknown;
  readonly aborted: unknown;
}

export interface DispositionPerformative extends Performative {
  readonly role: unknown;
  readonly first: unknown;
  last: unknown;
  readonly state: unknown;
}

interface DetachPerformative extends Performative {
  readonly handle: unknown;
}

export interface Frame<P extends Performative = Performative> {
  readonly channel: number;
  readonly performative: P;
  payload?: Buffer;
}

export interface RheaDelivery extends Omit<Delivery, 'settled' | 'remote_settled'> {
  settled: boolean;
  remote_settled: boolean;
}

interface LinkInternals {
  name: string;
  readonly session: RheaSession;
  readonly connection: RheaConnection;
  readonly source: Terminus;
  readonly target: Terminus;
  /** As the other side wrote it. */
  readonly snd_settle_mode: unknown;
  readonly properties: Readonly<Record<string, unknown>> | undefined;
  readonly desired_capabilities: unknown;
  readonly local: { readonly attach: { snd_settle_mode: number } };
  delivery_count: number;
  readonly credit: number;
  issue_flow: boolean;
  readonly state: { open_requests: number };
  set_source(fields: { address?: string }): void;
  set_target(fields: { address?: string }): void;
}

/** Undefined before the attach. */
type Terminus = { readonly address?: unknown; readonly filter?: unknown } | undefined;

export interface IncompleteDelivery {
  frames: Buffer[];
  readonly format: unknown;
  receivedBytes?: number;
}

export interface RheaReceiver extends Omit<Receiver, keyof LinkInternals>, LinkInternals {
  /** What a transfer of several frames has brought so far. */
  readonly _incomplete?: IncompleteDelivery;
}

export interface RheaSender extends Omit<Sender, keyof LinkInternals | 'send'>, LinkInternals {
  send(message: Message, tag?: Buffer): RheaDelivery;
}

export type RheaLink = RheaReceiver | RheaSender;

export interface RheaSession extends Pick<Session, 'is_remote_open'> {
  readonly links: Record<string, RheaLink>;
  readonly remote: { readonly handles: Record<number, RheaLink> };
  readonly outgoing: {
    readonly next_transfer_id: number;
    readonly next_pending_delivery: number;
    readonly deliveries: DeliveryRing;
  };
  readonly incoming: IncomingDeliveries;
  close(error: AmqpError): void;
  _write_flow(): void;
}

/** With gaps where deliveries are settled. */
interface DeliveryRing {
  readonly entries: readonly (RheaDelivery | undefined)[];
}

interface IncomingDeliveries {
  readonly deliveries: DeliveryRing;
  /** Whose outcomes are to be told. */
  updated: RheaDelivery[];
  process(session: RheaSession): void;
}

/** Each event has its own. */
export interface RheaEvent {
  readonly session: RheaSession;
  readonly sender?: RheaSender;
  readonly receiver?: RheaReceiver;
  readonly delivery?: RheaDelivery;
  /** As decoded, or bytes of a format that rhea does not know. */
  readonly message?: Message | Buffer;
}

type On<P extends Performative> = (frame: Frame<P>) => void;

export interface RheaConnection {
  readonly container_id: unknown;
  readonly hostname: unknown;
  /** It writes only while this is true. */
  socket_ready: boolean;
  /** The sessions by the client's channels. */
  readonly remote_channel_map: Record<number, RheaSession>;
  /** Bytes that it could not decode yet. */
  readonly frame_size?: number;
  readonly previous_input?: Buffer | null;
  accept(socket: unknown): void;
  close(error?: AmqpError): void;
  is_open(): boolean;
  is_remote_open(): boolean;
  on(event: string, listener: (event: RheaEvent) => void): void;
  on(event: 'protocol_error' | 'error', listener: (error: unknown) => void): void;
  input: (bytes: Buffer) => void;
  on_open: On<OpenPerformative>;
  on_begin: On<BeginPerformative>;
  on_attach: On<AttachPerformative>;
  on_flow: On<FlowPerformative>;
  on_transfer: On<TransferPerformative>;
  on_disposition: On<DispositionPerformative>;
  on_detach: On<DetachPerformative>;
  _register(): void;
  _write_close(): void;
  _write_frame(channel: number, frame: unknown, payload?: Buffer): void;
}

export interface ServerConnectionOptions {
  readonly container_id: string;
  readonly max_frame_size: number;
  readonly channel_max: number;
  readonly idle_time_out: number;
  readonly reconnect: false;
  readonly receiver_options: {
    readonly autoaccept: false;
    readonly credit_window: number;
    readonly max_message_size: number;
  };
}

export function newServerConnection(
  container: Container,
  options: ServerConnectionOptions,
): RheaConnection {
  // rhea types the options of clients, who need a port, and a connection without its internals.
  const create: unknown = container.create_connection.bind(container);
  // oxlint-disable-next-line no-unsafe-type-assertion -- the one place that vouches for the types above
  return (create as (options: ServerConnectionOptions) => RheaConnection)(options);
}

export interface RheaReader {
  remaining: () => number;
  read: () => unknown;
  read_n: (count: number) => unknown[];
  read_array_items: (count: number, type: { readonly width: number }) => unknown[];
}

export function readerPrototype(): RheaReader {
  const types: unknown = rhea.types;
  // oxlint-disable-next-line no-unsafe-type-assertion -- exported by rhea, but not by its typings
  return (types as { Reader: { prototype: RheaReader } }).Reader.prototype;
}

/** Throws what rhea throws for bytes that are no message. */
export function decodeMessage(bytes: Buffer): Message {
  const decoded: unknown = rhea.message.decode(bytes);
  // oxlint-disable-next-line no-unsafe-type-assertion -- rhea types what it decodes in two ways
  return decoded as Message;
}

const SETTLED = 1;

/** AMQP 1.0 §2.8.2: those who asked for settled deliveries are told that they get them. */
export function agreeOnSettlement(link: RheaLink): void {
  if (link.snd_settle_mode === SETTLED) link.local.attach.snd_settle_mode = SETTLED;
}

/** AMQP 1.0 §2.7.9: rhea would still refuse and detach links after it has sent its Close. */
export function endWithClose(connection: RheaConnection): void {
  /* oxlint-disable no-underscore-dangle -- rhea's own names */
  const writeClose = connection._write_close.bind(connection);
  connection._write_close = () => {
    writeClose();
    connection._write_frame = () => {};
  };
  /* oxlint-enable no-underscore-dangle */
}

/** Takes back that the attach is to be answered. */
export function holdAttach(link: RheaLink): void {
  link.state.open_requests--;
}

export function answerHeldAttach(link: RheaLink): void {
  link.state.open_requests++;
  // oxlint-disable-next-line no-underscore-dangle -- rhea's own name
  link.connection._register();
}

/** Has rhea tell how the link, or the session, stands. */
export function writeFlow(session: RheaSession, link: RheaLink | undefined): void {
  if (link) {
    link.issue_flow = true;
    // oxlint-disable-next-line no-underscore-dangle -- rhea's own name
    link.connection._register();
  } else {
    // oxlint-disable-next-line no-underscore-dangle -- rhea's own name
    session._write_flow();
  }
}

export function incompleteOf(receiver: RheaReceiver): IncompleteDelivery | undefined {
  // oxlint-disable-next-line no-underscore-dangle -- rhea's own name
  return receiver._incomplete;
}

/** rhea tells the outcome of the first of two deliveries for both of them. */
export function tellOutcomesApart({ incoming }: RheaSession): void {
  const process = incoming.process.bind(incoming);
  incoming.process = (session) => {
    const { updated } = incoming;
    do {
      const [first] = updated;
      const length = updated.findIndex((next) => !isAccepted(next) || !isAccepted(first));
      incoming.updated = updated.splice(0, length < 0 ? updated.length : Math.max(length, 1));
      process(session);
    } while (updated.length > 0);
  };
}

function isAccepted(delivery: RheaDelivery | undefined): boolean {
  return delivery?.state !== undefined && rhea.message.is_accepted(delivery.state);
}
