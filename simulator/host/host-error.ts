/** What keeps the host from starting, in words for whoever started it; it needs no stack. */
export class HostError extends Error {
  override readonly name = 'HostError';
}

/** Throws one HostError that names all of the faults, if there are any. */
export function throwFaults(heading: string, faults: readonly string[]): void {
  if (faults.length > 0) throw new HostError([heading, ...faults].join('\n  - '));
}

export function describeError(error: unknown): string {
  if (!isError(error)) return String(error);
  return error.cause === undefined
    ? error.message
    : `${error.message}: ${describeError(error.cause)}`;
}

/** Errors of the app may come from another realm, where `instanceof Error` is false. */
export function isError(value: unknown): value is Error {
  return Object.prototype.toString.call(value) === '[object Error]';
}
