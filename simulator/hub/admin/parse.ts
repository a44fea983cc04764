import type { z } from 'zod';
import type { AdminRequest } from './admin-route.ts';
import { InvalidRequestError } from './problem.ts';

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** The body, or what stands for an empty one; throws an InvalidRequestError that names every fault. */
export function parseBody<T>({ body }: AdminRequest, schema: z.ZodType<T>, ifEmpty = '{}'): T {
  let value: unknown;
  try {
    value = JSON.parse(body.length === 0 ? ifEmpty : UTF8.decode(body));
  } catch {
    throw new InvalidRequestError('The body is not JSON in UTF-8');
  }
  return check(value, schema, 'body');
}

export function parseQuery<T>({ query }: AdminRequest, schema: z.ZodType<T>): T {
  return check(Object.fromEntries(query), schema, 'query');
}

function check<T>(value: unknown, schema: z.ZodType<T>, where: string): T {
  // Neither keys nor bodies of a snapshot get into an answer.
  const parsed = schema.safeParse(value, { reportInput: false });
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => ({
    path: [where, ...path].join('.'),
    message,
  }));
  const told = faults.map(({ path, message }) => `${path}: ${message}`).join('; ');
  throw new InvalidRequestError(told, faults);
}
