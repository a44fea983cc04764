const HEADER_BYTES = 8;
const AMQP = 'AMQP';

const OPEN = 0x10;
const CLOSE = 0x18;
const SASL_MECHANISMS = 0x40;
const SASL_OUTCOME = 0x44;
const MAX_FRAME_BYTES = 65_536;

/** Protocol headers and whole frames; what is left over at the end is a part of its own. */
export function splitFrames(bytes: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const isSized = !isHeader(bytes.subarray(at)) && at + HEADER_BYTES <= bytes.length;
    const size = isSized ? Math.max(bytes.readUInt32BE(at), HEADER_BYTES) : HEADER_BYTES;
    parts.push(bytes.subarray(at, at + size));
    at += size;
  }
  return parts;
}

export function isHeader(part: Buffer): boolean {
  return part.toString('latin1', 0, AMQP.length) === AMQP;
}

/** Throws unless all of it is what a hub may send; `isComplete` if the hub closed the connection itself. */
export function checkAnswers(bytes: Buffer, isComplete: boolean): void {
  const parts = splitFrames(bytes);
  if (!isComplete && parts.at(-1)?.length !== parts.at(-1)?.readUInt32BE(0)) parts.pop();
  const codes: number[] = [];
  for (const part of parts) {
    if (isHeader(part)) continue;
    const size = part.length < HEADER_BYTES ? -1 : part.readUInt32BE(0);
    if (size !== part.length || size > MAX_FRAME_BYTES)
      throw new Error(`The hub sent a frame of ${part.length} bytes that says ${size}`);
    if (part.readUInt8(4) !== 2) throw new Error('The hub sent an extended frame header');
    if (size > HEADER_BYTES) codes.push(codeOf(part));
  }
  const unknown = codes.find((code) => !isPerformative(code));
  if (unknown !== undefined) throw new Error(`The hub sent the performative ${unknown}`);
  const closes = codes.filter((code) => code === CLOSE).length;
  if (closes > 1 || (closes === 1 && codes.at(-1) !== CLOSE))
    throw new Error(`The hub went on after its Close: ${codes.join(' ')}`);
  // AMQP 1.0 §2.4.3: who has sent Open, says Close.
  if (isComplete && codes.includes(OPEN) && closes === 0)
    throw new Error(`The hub ended an open connection without a Close: ${codes.join(' ')}`);
}

function codeOf(frame: Buffer): number {
  const [constructor, type, code] = frame.subarray(HEADER_BYTES);
  if (constructor !== 0 || type !== 0x53 || code === undefined)
    throw new Error('The hub sent a frame whose body is no performative');
  return code;
}

function isPerformative(code: number): boolean {
  return (code >= OPEN && code <= CLOSE) || (code >= SASL_MECHANISMS && code <= SASL_OUTCOME);
}
