import { setTimeout as sleep } from 'node:timers/promises';
import { DownlinkError } from '../../errors.ts';
import type { FeedbackBatch, FeedbackSession, FeedbackSource } from '../../messages/feedback.ts';
import type { HubResponse, HubRest } from '../hub-rest.ts';
import { requestError, responseError } from '../iothub-errors.ts';
import { parseFeedbackBatch } from './feedback-batch.ts';

const FEEDBACK = '/messages/serviceBound/feedback';
/** REST has no way to wait for a batch: it is asked for again and again. */
const POLL_MS = 200;

/**
 * Feedback over the hub's REST routes, for networks that let no AMQP pass. A batch that is read is locked until it is
 * completed or its lock runs out. What the routes answer is documented nowhere, so anything unexpected is an error.
 * https://learn.microsoft.com/rest/api/iothub/service/cloud-to-device-messages
 */
export function restFeedbackSource(rest: HubRest): FeedbackSource {
  return { open: async () => session(rest) };
}

function session(rest: HubRest): FeedbackSession {
  let closed = false;

  async function request(method: 'GET' | 'DELETE', path: string): Promise<HubResponse> {
    return rest
      .request({ method, path })
      .catch((error: unknown) => Promise.reject(unavailable(requestError(error))));
  }

  async function next(): Promise<FeedbackBatch | undefined> {
    const response = await request('GET', FEEDBACK);
    if (response.status === 204) return undefined;
    const lockToken = response.headers.etag?.replace(/^"(.*)"$/, '$1');
    if (response.status !== 200 || !lockToken) throw unavailable(responseError(response));
    return {
      ...parseFeedbackBatch(Buffer.from(response.body)),
      complete: async () => complete(lockToken),
    };
  }

  async function complete(lockToken: string): Promise<void> {
    if (closed) throw unavailable(new DownlinkError('hub-unavailable', 'The session is closed.'));
    const response = await request('DELETE', `${FEEDBACK}/${encodeURIComponent(lockToken)}`);
    if (response.status !== 204 && response.status !== 200) {
      throw unavailable(responseError(response));
    }
  }

  return {
    async receive({ waitMs, maxBatches }) {
      const deadline = performance.now() + waitMs;
      const batches: FeedbackBatch[] = [];
      while (batches.length < maxBatches) {
        const batch = await next().catch((error: unknown) => {
          // What is locked already is handed over first; the next call meets the error again.
          if (batches.length > 0) return undefined;
          throw error;
        });
        if (batch) {
          batches.push(batch);
          continue;
        }
        const remainingMs = deadline - performance.now();
        if (batches.length > 0 || remainingMs <= 0) break;
        await sleep(Math.min(POLL_MS, remainingMs));
      }
      return batches;
    },

    async close() {
      closed = true;
    },
  };
}

/** The port knows one error: whoever reads feedback can only try again later. */
function unavailable(error: DownlinkError): DownlinkError {
  const { detail, retryAfterSeconds } = error;
  return new DownlinkError('hub-unavailable', detail, {
    cause: error,
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  });
}
