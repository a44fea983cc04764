/** AMQP by hand: frames and values that no library would write. */

export const AMQP_HEADER = Buffer.from('AMQP\x00\x01\x00\x00', 'latin1');
export const SASL_HEADER = Buffer.from('AMQP\x03\x01\x00\x00', 'latin1');

const AMQP_TYPE = 0;
const SASL_TYPE = 1;

export const nothing = Buffer.from([0x40]);

export function uint(value: number): Buffer {
  const encoded = Buffer.alloc(5, 0x70);
  encoded.writeUInt32BE(value, 1);
  return encoded;
}

export function ushort(value: number): Buffer {
  return Buffer.from([0x60, value >> 8, value & 0xff]);
}

export function boolean(value: boolean): Buffer {
  return Buffer.from([value ? 0x41 : 0x42]);
}

export function text(value: string): Buffer {
  return sized(0xb1, Buffer.from(value));
}

function symbol(value: string): Buffer {
  return sized(0xb3, Buffer.from(value));
}

export function bytes(value: Buffer): Buffer {
  return sized(0xb0, value);
}

/** A list that says to have `count` items. */
export function list(items: readonly Buffer[], count = items.length): Buffer {
  const content = Buffer.concat(items);
  const head = Buffer.alloc(9, 0xd0);
  head.writeUInt32BE(content.length + 4, 1);
  head.writeUInt32BE(count, 5);
  return Buffer.concat([head, content]);
}

/** An array that says to have `count` items of a type. */
export function array(count: number, typecode: number, content = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(10, 0xf0);
  head.writeUInt32BE(content.length + 5, 1);
  head.writeUInt32BE(count, 5);
  head.writeUInt8(typecode, 9);
  return Buffer.concat([head, content]);
}

export function described(code: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x00, 0x53, code]), value]);
}

export function frame(
  body: Buffer,
  { channel = 0, type = AMQP_TYPE, size = body.length + 8 } = {},
) {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(size, 0);
  head.writeUInt8(2, 4);
  head.writeUInt8(type, 5);
  head.writeUInt16BE(channel, 6);
  return Buffer.concat([head, body]);
}

export function saslInit(mechanism: string): Buffer {
  return frame(described(0x41, list([symbol(mechanism)])), { type: SASL_TYPE });
}

export function open(fields: { maxFrameSize?: Buffer; idleTimeOut?: Buffer } = {}): Buffer {
  const { maxFrameSize = nothing, idleTimeOut = nothing } = fields;
  const given = [text('by hand'), text('localhost'), maxFrameSize, nothing, idleTimeOut];
  return frame(described(0x10, list(given)));
}

export function begin(channel = 0, remoteChannel: Buffer = nothing): Buffer {
  const fields = [remoteChannel, uint(0), uint(2048), uint(2048)];
  return frame(described(0x11, list(fields)), { channel });
}

/** `isReceiver` is the client's role. */
export function attach(fields: {
  name: string;
  handle: number;
  isReceiver: boolean;
  /** As it is encoded. */
  role?: Buffer;
  address?: string;
  terminus?: Buffer;
  initialDeliveryCount?: number;
}): Buffer {
  const { name, handle, isReceiver, address = '$cbs' } = fields;
  const source = described(0x28, list([text(address)]));
  const target = fields.terminus ?? described(0x29, list([text(address)]));
  return frame(
    described(
      0x12,
      list([
        text(name),
        uint(handle),
        fields.role ?? boolean(isReceiver),
        nothing,
        nothing,
        source,
        target,
        nothing,
        nothing,
        uint(fields.initialDeliveryCount ?? 0),
      ]),
    ),
  );
}

export function flow(fields: {
  handle?: number;
  credit?: number;
  nextIncomingId?: Buffer;
  deliveryCount?: Buffer;
  echo?: boolean;
}): Buffer {
  const { handle, credit, nextIncomingId = uint(0), deliveryCount = uint(0) } = fields;
  return frame(
    described(
      0x13,
      list([
        nextIncomingId,
        uint(2048),
        uint(0),
        uint(2048),
        handle === undefined ? nothing : uint(handle),
        handle === undefined ? nothing : deliveryCount,
        credit === undefined ? nothing : uint(credit),
        nothing,
        boolean(false),
        boolean(fields.echo ?? false),
      ]),
    ),
  );
}

export function transfer(
  fields: { handle: number; deliveryId?: number; more?: boolean; aborted?: boolean },
  payload: Buffer,
): Buffer {
  const { handle, deliveryId, more = false, aborted = false } = fields;
  const given = [
    uint(handle),
    deliveryId === undefined ? nothing : uint(deliveryId),
    bytes(Buffer.from('tag')),
    nothing,
    boolean(false),
    boolean(more),
    nothing,
    nothing,
    boolean(false),
    boolean(aborted),
  ];
  return frame(Buffer.concat([described(0x14, list(given)), payload]));
}

export function disposition(first: Buffer, last: Buffer, state: Buffer): Buffer {
  return frame(described(0x15, list([boolean(true), first, last, boolean(true), state])));
}

export function detach(handle: number): Buffer {
  return frame(described(0x16, list([uint(handle), boolean(true)])));
}

export function end(channel = 0): Buffer {
  return frame(described(0x17, list([])), { channel });
}

export const close = frame(described(0x18, list([])));

function sized(typecode: number, value: Buffer): Buffer {
  const head = Buffer.alloc(5, typecode);
  head.writeUInt32BE(value.length, 1);
  return Buffer.concat([head, value]);
}
