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

/** Throws `argumentInvalid`. */
export function readText(name: string, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  if (Buffer.isBuffer(value)) return value.toString();
  throw new HubError('argumentInvalid', `${name} must be text`);
}

/** Throws `argumentInvalid`. */
export function readTime(name: string, value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  const time = value instanceof Date ? value.getTime() : NaN;
  if (Number.isNaN(time)) throw new HubError('argumentInvalid', `${name} must be a timestamp`);
  return time;
}

/** An application property, which is text to the hub. Throws `argumentInvalid`. */
export function readProperty(name: string, value: unknown): string {
  if (value === null) return '';
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value.toISOString();
  throw new HubError(
    'argumentInvalid',
    `The property '${name.slice(0, 140)}' must be text, a number, a boolean or a time`,
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
