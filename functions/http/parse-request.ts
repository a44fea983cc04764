import type { HttpRequest } from '@azure/functions';
import * as z from 'zod';
import { DownlinkError } from '../errors.ts';
import type { Fault } from '../errors.ts';

/** Everything of a request that a schema may judge; absent headers are left out. */
export interface RequestParts {
  readonly path: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** The request of a route that takes no parameters. */
export const NO_PARAMETERS = z.strictObject({
  path: z.strictObject({}),
  query: z.strictObject({}),
  headers: z.strictObject({}),
});

/** The parts of a request, of its headers only those named. Throws `invalid-request` for a parameter that is given twice. */
export function requestParts(
  request: HttpRequest,
  { headers = [], body }: { headers?: readonly string[]; body?: unknown } = {},
): RequestParts {
  const { code: _functionKey, ...query } = Object.fromEntries(request.query);
  const names = [...request.query.keys()];
  const repeated = Object.keys(query).filter(
    (name) => names.indexOf(name) < names.lastIndexOf(name),
  );
  if (repeated.length > 0) throw givenTwice(repeated);
  return {
    path: request.params,
    query,
    headers: Object.fromEntries(
      headers.flatMap((name) => {
        const value = request.headers.get(name);
        return value === null ? [] : [[name, value]];
      }),
    ),
    ...(body !== undefined && { body }),
  };
}

function givenTwice(names: readonly string[]): DownlinkError {
  return new DownlinkError('invalid-request', 'The request is not valid; see errors.', {
    faults: names.map((name) => ({ path: `query.${name}`, message: 'is given more than once' })),
  });
}

/** Rejects with `invalid-request`, which names every fault at once. */
export function parseRequest<Schema extends z.ZodType>(
  schema: Schema,
  parts: RequestParts,
): z.output<Schema> {
  const result = schema.safeParse(parts);
  if (result.success) return result.data;
  throw new DownlinkError('invalid-request', 'The request is not valid; see errors.', {
    faults: result.error.issues.flatMap(faultsOf),
  });
}

function faultsOf(issue: z.core.$ZodIssue): Fault[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: [...issue.path, key].join('.'),
      message: 'is not known here; check its spelling or leave it out',
    }));
  }
  if (issue.code === 'invalid_key') {
    return issue.issues.map(({ message }) => ({ path: issue.path.join('.'), message }));
  }
  return [{ path: issue.path.join('.'), message: issue.message }];
}
