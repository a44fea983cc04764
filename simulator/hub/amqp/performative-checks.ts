import {
  CHANNEL_MAX,
  MAX_LINK_NAME_LENGTH,
  MAX_LINKS_PER_SESSION,
  MAX_TRANSFER_BYTES,
  MIN_MAX_FRAME_BYTES,
  MIN_PEER_IDLE_TIME_OUT_MS,
  SESSION_WINDOW,
} from './limits.ts';
import { ProtocolViolation } from './protocol-violation.ts';
import { incompleteOf, writeFlow } from './rhea-internals.ts';
import type {
  AttachPerformative,
  BeginPerformative,
  DispositionPerformative,
  FlowPerformative,
  Frame,
  IncompleteDelivery,
  OpenPerformative,
  Performative,
  RheaConnection,
  RheaLink,
  RheaReceiver,
  RheaSession,
  TransferPerformative,
} from './rhea-internals.ts';
import { checkSections } from './section-check.ts';

const MAX_UINT = 2 ** 32 - 1;
/** Beyond it, half of it no longer fits in a timer's delay; nobody waits for such a heartbeat. */
const MAX_IDLE_TIME_OUT_MS = 2 ** 31;
const NOTHING = Buffer.alloc(0);
const TERMINUS_DESCRIPTORS: ReadonlySet<unknown> = new Set([
  0x28,
  0x29,
  'amqp:source:list',
  'amqp:target:list',
]);
const STATE_DESCRIPTORS: ReadonlySet<unknown> = new Set([
  0x23,
  0x24,
  0x25,
  0x26,
  0x27,
  'amqp:received:list',
  'amqp:accepted:list',
  'amqp:rejected:list',
  'amqp:released:list',
  'amqp:modified:list',
]);
const DISPOSITION_STATE_AT = 4;

let renames = 0;

/**
 * rhea takes what it is told: a frame size of ten or a range of four thousand million deliveries
 * would keep it busy for ever. Checks each performative before rhea acts on it, and mends what
 * rhea does with handles and names.
 */
export function checkPerformatives(connection: RheaConnection): void {
  const {
    on_open: onOpen,
    on_begin: onBegin,
    on_attach: onAttach,
    on_flow: onFlow,
    on_transfer: onTransfer,
    on_disposition: onDisposition,
    on_detach: onDetach,
  } = connection;

  connection.on_open = (frame) => {
    checkOpen(frame.performative);
    onOpen.call(connection, frame);
  };
  connection.on_begin = inOpenConnection(connection, (frame) => {
    checkBegin(frame, connection);
    onBegin.call(connection, frame);
  });
  connection.on_attach = inOpenConnection(connection, (frame) => {
    const { performative } = frame;
    const { session, name, handle } = checkAttach(frame, connection);
    dropUnknownTermini(performative);
    const namesake = session.links[name];
    // AMQP 1.0 §2.6.1: names are unique per direction only.
    if (namesake && namesake.is_receiver() === performative.role) rename(namesake, session);
    onAttach.call(connection, frame);
    const link = session.remote.handles[handle];
    if (link && performative.role !== true && isUint(performative.initial_delivery_count))
      link.delivery_count = performative.initial_delivery_count;
  });
  connection.on_flow = inOpenConnection(connection, (frame) => {
    const session = checkFlow(frame, connection);
    onFlow.call(connection, frame);
    if (frame.performative.echo === true)
      writeFlow(session, session.remote.handles[Number(frame.performative.handle ?? NaN)]);
  });
  connection.on_transfer = inOpenConnection(connection, (frame) => {
    checkTransfer(frame, connection);
    onTransfer.call(connection, frame);
  });
  connection.on_disposition = inOpenConnection(connection, (frame) => {
    checkDisposition(frame.performative);
    if (isOfWhatWasSent(frame, connection)) onDisposition.call(connection, frame);
  });
  connection.on_detach = inOpenConnection(connection, (frame) => {
    const session = sessionOf(frame, connection);
    const handle = checkHandle(frame.performative.handle);
    const link = session.remote.handles[handle];
    onDetach.call(connection, frame);
    // From here on the other side may use the handle and the name again.
    delete session.remote.handles[handle];
    if (link) rename(link, session);
  });
}

/** AMQP 1.0 §2.4.6: nothing counts before Open, and after our Close nothing but theirs. */
function inOpenConnection<P extends Performative>(
  connection: RheaConnection,
  act: (frame: Frame<P>) => void,
): (frame: Frame<P>) => void {
  return (frame) => {
    if (!connection.is_remote_open())
      throw new ProtocolViolation('amqp:not-allowed', 'The connection is not open');
    if (connection.is_open()) act(frame);
  };
}

function checkOpen(open: OpenPerformative): void {
  const { max_frame_size: maxFrameSize, idle_time_out: idleTimeOut } = open;
  if (isGiven(maxFrameSize) && !(isUint(maxFrameSize) && maxFrameSize >= MIN_MAX_FRAME_BYTES)) {
    throw new ProtocolViolation(
      'amqp:invalid-field',
      `max-frame-size must be at least ${MIN_MAX_FRAME_BYTES}`,
    );
  }
  if (!isGiven(idleTimeOut)) return;
  if (!isUint(idleTimeOut) || (idleTimeOut > 0 && idleTimeOut < MIN_PEER_IDLE_TIME_OUT_MS)) {
    throw new ProtocolViolation(
      'amqp:not-allowed',
      `idle-time-out must be at least ${MIN_PEER_IDLE_TIME_OUT_MS} ms`,
    );
  }
  open.idle_time_out = Math.min(idleTimeOut, MAX_IDLE_TIME_OUT_MS);
}

function checkBegin({ channel, performative }: Frame<BeginPerformative>, on: RheaConnection): void {
  if (isGiven(performative.remote_channel))
    throw new ProtocolViolation('amqp:not-allowed', 'The hub begins no sessions of its own');
  if (channel > CHANNEL_MAX || on.remote_channel_map[channel]?.is_remote_open())
    throw new ProtocolViolation('amqp:not-allowed', `Channel ${channel} is not free`);
  checkUint('next-outgoing-id', performative.next_outgoing_id);
  checkUint('incoming-window', performative.incoming_window);
  checkUint('outgoing-window', performative.outgoing_window);
}

function checkAttach(
  frame: Frame<AttachPerformative>,
  connection: RheaConnection,
): { session: RheaSession; name: string; handle: number } {
  const session = sessionOf(frame, connection);
  const attach = frame.performative;
  // AMQP 1.0 §1.6.2: rhea reads the encoding in two bytes, 0x56, as a number.
  if (attach.role === 0 || attach.role === 1) attach.role = attach.role === 1;
  const { name, role } = attach;
  const handle = checkHandle(attach.handle);
  if (typeof name !== 'string' || name.length > MAX_LINK_NAME_LENGTH || typeof role !== 'boolean')
    throw new ProtocolViolation('amqp:invalid-field', 'An attach needs a name and a role');
  if (session.remote.handles[handle])
    throw new ProtocolViolation('amqp:session:handle-in-use', `Handle ${handle} is in use`);
  return { session, name, handle };
}

/** A transaction coordinator, for one: without a target the link is refused like any unknown one. */
function dropUnknownTermini(attach: AttachPerformative): void {
  if (!isDescribed(attach.source, TERMINUS_DESCRIPTORS)) attach.source = undefined;
  if (!isDescribed(attach.target, TERMINUS_DESCRIPTORS)) attach.target = undefined;
}

function checkFlow(frame: Frame<FlowPerformative>, connection: RheaConnection): RheaSession {
  const session = sessionOf(frame, connection);
  const flow = frame.performative;
  // AMQP 1.0 §2.7.4: it may be missing as long as the other side has not seen our Begin.
  if (!isGiven(flow.next_incoming_id)) flow.next_incoming_id = session.outgoing.next_transfer_id;
  checkUint('next-incoming-id', flow.next_incoming_id);
  checkUint('incoming-window', flow.incoming_window);
  checkUint('next-outgoing-id', flow.next_outgoing_id);
  checkUint('outgoing-window', flow.outgoing_window);
  if (!isGiven(flow.handle)) return session;
  if (session.remote.handles[checkHandle(flow.handle)]?.is_sender()) {
    if (!isGiven(flow.delivery_count)) flow.delivery_count = 0;
    checkUint('delivery-count', flow.delivery_count);
    checkUint('link-credit', flow.link_credit);
  }
  return session;
}

function checkTransfer(frame: Frame<TransferPerformative>, connection: RheaConnection): void {
  const { performative } = frame;
  const link = sessionOf(frame, connection).remote.handles[checkHandle(performative.handle)];
  if (!link || !isReceiver(link))
    throw new ProtocolViolation('amqp:session:unattached-handle', 'No link takes the transfer');
  if (performative.aborted === true)
    throw new ProtocolViolation('amqp:not-implemented', 'Transfers cannot be aborted');
  // Optional on the wire; rhea decodes only what says 0.
  if (!isGiven(performative.message_format)) performative.message_format = 0;
  const incomplete = incompleteOf(link);
  if (!incomplete) {
    checkUint('delivery-id', performative.delivery_id);
    if (link.credit <= 0)
      throw new ProtocolViolation('amqp:link:transfer-limit-exceeded', 'The link has no credit');
  }
  frame.payload ??= NOTHING;
  if (!link.is_open()) {
    // What was under way when the hub closed the link: taken from the wire, not kept.
    frame.payload = NOTHING;
    if (incomplete) incomplete.frames = [];
    return;
  }
  if (incomplete) checkTransferSize(incomplete, frame.payload, link);
  if (performative.more !== true && link.is_open()) checkMessage(incomplete, frame);
}

function checkMessage(
  incomplete: IncompleteDelivery | undefined,
  { performative, payload = NOTHING }: Frame<TransferPerformative>,
): void {
  // Of other formats nothing is decoded.
  if ((incomplete?.format ?? performative.message_format) !== 0) return;
  checkSections(incomplete ? Buffer.concat([...incomplete.frames, payload]) : payload);
}

function checkTransferSize(
  incomplete: IncompleteDelivery,
  payload: Buffer,
  link: RheaReceiver,
): void {
  const before = incomplete.receivedBytes ?? incomplete.frames[0]?.length ?? 0;
  incomplete.receivedBytes = before + payload.length;
  if (incomplete.receivedBytes <= MAX_TRANSFER_BYTES) return;
  link.close({
    condition: 'amqp:link:message-size-exceeded',
    description: `ErrorCode:MessageTooLarge;A message has more than ${MAX_TRANSFER_BYTES} bytes`,
  });
}

function checkDisposition(disposition: DispositionPerformative): void {
  const { first, last } = disposition;
  checkUint('first', first);
  if (isGiven(last)) {
    checkUint('last', last);
    if (Number(last) - Number(first) > SESSION_WINDOW)
      throw new ProtocolViolation('amqp:session:window-violation', 'More settled than was sent');
  }
  const { state } = disposition;
  if (isGiven(state) && isDescribed(state, STATE_DESCRIPTORS)) return;
  if (isGiven(state) && !isNull(state))
    throw new ProtocolViolation('amqp:not-implemented', 'An unknown delivery state');
  // rhea complains on the console about the null that others write for "no state".
  disposition.value[DISPOSITION_STATE_AT] = undefined;
}

/** rhea would take a delivery that waits for room in the session as done, and then wait for it for ever. */
function isOfWhatWasSent(
  frame: Frame<DispositionPerformative>,
  connection: RheaConnection,
): boolean {
  const { performative } = frame;
  const session = sessionOf(frame, connection);
  if (performative.role !== true) return true;
  const firstUnsent = session.outgoing.next_pending_delivery;
  if (Number(performative.last ?? performative.first) >= firstUnsent)
    performative.last = firstUnsent - 1;
  return Number(performative.first) < firstUnsent;
}

function sessionOf(frame: Frame, connection: RheaConnection): RheaSession {
  const session = connection.remote_channel_map[frame.channel];
  if (session) return session;
  throw new ProtocolViolation('amqp:not-allowed', `Channel ${frame.channel} has no session`);
}

function checkHandle(handle: unknown): number {
  if (isUint(handle) && handle < MAX_LINKS_PER_SESSION) return handle;
  throw new ProtocolViolation(
    'amqp:invalid-field',
    `A handle must be below ${MAX_LINKS_PER_SESSION}`,
  );
}

function checkUint(name: string, value: unknown): void {
  if (!isUint(value)) throw new ProtocolViolation('amqp:invalid-field', `${name} must be a uint`);
}

/** Out of the way of a link that takes its name. */
function rename(link: RheaLink, session: RheaSession): void {
  if (session.links[link.name] !== link) return;
  delete session.links[link.name];
  link.name = `${link.name}\0${++renames}`;
  session.links[link.name] = link;
}

function isReceiver(link: RheaLink): link is RheaReceiver {
  return link.is_receiver();
}

function isUint(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_UINT;
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** rhea hands over fields of any type as it read them, a null as a value whose value is null. */
function isNull(field: unknown): boolean {
  return typeof field === 'object' && field !== null && 'value' in field && !isGiven(field.value);
}

function isDescribed(field: unknown, descriptors: ReadonlySet<unknown>): boolean {
  if (typeof field !== 'object' || field === null || !('descriptor' in field)) return false;
  const { descriptor } = field;
  return (
    typeof descriptor === 'object' &&
    descriptor !== null &&
    'value' in descriptor &&
    descriptors.has(descriptor.value)
  );
}
