import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { HostError } from '../host-error.ts';
import type { AuthLevel } from './http-trigger.ts';

export const DEFAULT_FUNCTION_KEY = 'local-development-key';

/** The one key of all functions, and the master key, which opens everything. */
export class FunctionKeys {
  readonly #functionKey: Buffer;
  readonly #masterKey: Buffer;

  constructor(functionKey: string, masterKey: string) {
    this.#functionKey = digest(functionKey);
    this.#masterKey = digest(masterKey);
  }

  permits(level: AuthLevel, given: string | undefined): boolean {
    if (level === 'anonymous') return true;
    if (!given) return false;
    const key = digest(given);
    const isMaster = timingSafeEqual(key, this.#masterKey);
    const isFunction = timingSafeEqual(key, this.#functionKey);
    return isMaster || (isFunction && level === 'function');
  }
}

/** Throws a HostError when the keys do not protect what is listened on. */
export function refuseUnsafeKeys(keys: readonly string[], isLoopbackOnly: boolean): void {
  for (const key of keys) {
    if (key === '')
      throw new HostError('DOWNLINK_FUNCTION_KEY and DOWNLINK_MASTER_KEY must not be empty.');
    if (key === DEFAULT_FUNCTION_KEY && !isLoopbackOnly) {
      throw new HostError(
        `The key "${DEFAULT_FUNCTION_KEY}" is known to everybody, so it is for this machine alone. ` +
          'To be reached from others, set DOWNLINK_FUNCTION_KEY to a secret.',
      );
    }
  }
}

/** The header goes before the query, even when it is wrong. */
export function readKey(request: IncomingMessage, url: URL): string | undefined {
  const header = request.headersDistinct['x-functions-key']?.[0];
  if (header !== undefined) return header;
  return [...url.searchParams].find(([name]) => name.toLowerCase() === 'code')?.[1];
}

// Digests have one length, so that the comparison takes the same time for every key.
function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
