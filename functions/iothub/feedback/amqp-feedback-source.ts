import { DownlinkError } from '../../errors.ts';
import type { FeedbackBatch, FeedbackSession, FeedbackSource } from '../../messages/feedback.ts';
import { connectionError } from '../iothub-errors.ts';
import type { Lease, SharedConnection } from '../shared-connection.ts';
import { parseFeedbackBatch } from './feedback-batch.ts';
import type { FeedbackConnection } from './feedback-connection.ts';
import type { DeliveredBatch, FeedbackLink, FeedbackLinkTimeouts } from './feedback-link.ts';

/**
 * Feedback over AMQP. The connection is kept; the link is attached for each session, which shows each time that the hub
 * answers: a receiver that is left attached may die in silence.
 */
export function amqpFeedbackSource(options: {
  connections: SharedConnection<FeedbackConnection>;
  timeouts: FeedbackLinkTimeouts;
}): FeedbackSource {
  const { connections, timeouts } = options;

  async function attach(): Promise<{ lease: Lease<FeedbackConnection>; link: FeedbackLink }> {
    const { attachFeedbackLink, LinkRefused } = await import('./feedback-link.ts');
    const lease = await connections.acquire();
    try {
      return { lease, link: await attachFeedbackLink(lease.connection, timeouts) };
    } catch (error) {
      if (error instanceof LinkRefused) lease.release();
      else giveUp(lease, error);
      if (lease.fresh || error instanceof LinkRefused) throw error;
      // One that was kept may have died since.
      return attach();
    }
  }

  function giveUp(lease: Lease<FeedbackConnection>, reason: unknown): void {
    connections.drop(lease.connection);
    lease.connection.cutOff(reason);
    lease.release();
  }

  return {
    async open() {
      const { lease, link } = await attach().catch((error: unknown) =>
        Promise.reject(unavailable(error)),
      );
      return session(link, async () =>
        link.detach().then(
          () => lease.release(),
          // The hub will find out by itself; the batches' locks run out.
          (error: unknown) => giveUp(lease, error),
        ),
      );
    },
  };
}

function session(link: FeedbackLink, close: () => Promise<void>): FeedbackSession {
  return {
    async receive(limits) {
      const batches = await link
        .receive(limits)
        .catch((error: unknown) => Promise.reject(unavailable(error)));
      return batches.map((batch) => toFeedbackBatch(link, batch));
    },
    close,
  };
}

function toFeedbackBatch(link: FeedbackLink, { body, delivery }: DeliveredBatch): FeedbackBatch {
  return {
    ...parseFeedbackBatch(body),
    complete: async () =>
      link.complete(delivery).catch((error: unknown) => Promise.reject(unavailable(error))),
  };
}

/** The port knows one error: whoever reads feedback can only try again later. */
function unavailable(error: unknown): DownlinkError {
  const { detail, retryAfterSeconds } = connectionError(error);
  return new DownlinkError('hub-unavailable', detail, {
    cause: error,
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  });
}
