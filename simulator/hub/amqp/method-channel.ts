import { randomUUID } from 'node:crypto';
import { MAX_OPEN_METHOD_REQUESTS } from './limits.ts';

/** What the two links of a device's methods share: which requests wait for an answer. */
export class MethodChannel {
  readonly #requestIds = new Map<string, string>();

  /** Returns the correlation id: some SDKs take no other than a uuid. */
  opened(requestId: string): string {
    const [oldest] = this.#requestIds.keys();
    if (oldest !== undefined && this.#requestIds.size >= MAX_OPEN_METHOD_REQUESTS)
      this.#requestIds.delete(oldest);
    const correlationId = randomUUID();
    this.#requestIds.set(correlationId, requestId);
    return correlationId;
  }

  answered(correlationId: string): string | undefined {
    const requestId = this.#requestIds.get(correlationId);
    this.#requestIds.delete(correlationId);
    return requestId;
  }
}
