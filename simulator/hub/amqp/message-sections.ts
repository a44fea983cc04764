import rhea from 'rhea';
import { HubError } from '../state/hub-error.ts';

const UUID_BYTES = 16;
/** AMQP 1.0 §3.2.6 */
const DATA_SECTION = 0x75;

/** A text, or what clients make of a text that looks like one: a UUID or a number. Throws `argumentInvalid`. */
export function readId(name: string, id: unknown): string | undefined {
  if (id === undefined || id === null) return undefined;
  if (typeof id === 'string') return id;
  if (typeof id === 'number') return String(id);
  if (Buffer.isBuffer(id) && id.length === UUID_BYTES) return rhea.uuid_to_string(id);
  throw new HubError('argumentInvalid', `${name} must be a string, a uuid or a ulong below 2^53`);
}

/** A copy: what rhea decoded is a view of everything that came with it. Throws `argumentInvalid`. */
export function readBody(body: unknown): Buffer {
  if (body === undefined || body === null) return Buffer.alloc(0);
  if (typeof body === 'string' || Buffer.isBuffer(body)) return Buffer.from(body);
  if (isDataSection(body)) {
    const parts: unknown[] = body.multiple === true ? [body.content].flat() : [body.content];
    if (parts.every((part) => Buffer.isBuffer(part))) return Buffer.concat(parts);
  }
  throw new HubError(
    'argumentInvalid',
    'The body must be data sections, or one amqp-value of text or bytes',
  );
}

function isDataSection(body: unknown): body is { content: unknown; multiple?: boolean } {
  return (
    typeof body === 'object' &&
    body !== null &&
    'typecode' in body &&
    body.typecode === DATA_SECTION
  );
}
