import type { z } from 'zod';
import { HubError } from '../state/hub-error.ts';

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

/** The request's body; throws `argumentInvalid`. */
export function parseJsonBody<T>(body: Buffer, schema: z.ZodType<T>): T {
  return checkJson(parseJson(body), schema);
}

/** Throws `argumentInvalid`. */
export function checkJson<T>(value: unknown, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(
    ({ path, message }) => `${path.length > 0 ? path.join('.') : 'body'}: ${message}`,
  );
  throw new HubError('argumentInvalid', `The body is not valid: ${faults.join(', ')}`);
}

export function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(UTF8.decode(body));
  } catch {
    throw new HubError('argumentInvalid', 'The body is not JSON in UTF-8');
  }
}
