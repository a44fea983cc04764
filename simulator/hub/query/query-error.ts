import { HubError } from '../state/hub-error.ts';

/** Says where in the query the fault is. */
export function queryError(query: string, position: number, what: string): HubError {
  const before = query.slice(0, position).split('\n');
  const place = `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
  return new HubError('argumentInvalid', `The query is invalid at ${place}: ${what}`);
}
