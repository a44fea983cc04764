import type { FeedbackReport } from '../messages/feedback-health.ts';
import type { Route } from './route.ts';

/** How long an answer serves: probing more often would eat into the hub's throttle. */
const CACHED_MS = 5_000;

interface Check {
  readonly status: 'ok' | 'unavailable';
  readonly latencyMs: number;
}

/** What answers and how fast, asked once in five seconds for all who ask. */
export function healthChecks(dependencies: {
  checks: Readonly<Record<string, () => Promise<void>>>;
  now: () => number;
}): () => Promise<Readonly<Record<string, Check>>> {
  const { checks, now } = dependencies;
  let latest: { at: number; results: Promise<Record<string, Check>> } | undefined;

  async function probe(): Promise<Record<string, Check>> {
    const results = Object.entries(checks).map(async ([name, check]) => {
      const startedAt = now();
      const status = await check().then(
        () => 'ok' as const,
        () => 'unavailable' as const,
      );
      return [name, { status, latencyMs: now() - startedAt }] as const;
    });
    return Object.fromEntries(await Promise.all(results));
  }

  return async () => {
    if (!latest || now() - latest.at >= CACHED_MS) latest = { at: now(), results: probe() };
    return latest.results;
  };
}

/** `GET /api/health`: 200 when hub and storage answer, else 503. Open to everybody, so it says no more than that. */
export function getHealthRoute(check: ReturnType<typeof healthChecks>): Route {
  return async () => {
    const checks = await check();
    const short = Object.entries(checks).map(([name, { status }]) => [name, status]);
    return answer(checks, { checks: Object.fromEntries(short) });
  };
}

/** `GET /api/health/details`: latencies and the state of the feedback beside it. */
export function getHealthDetailsRoute(dependencies: {
  check: ReturnType<typeof healthChecks>;
  feedback: () => Promise<FeedbackReport>;
}): Route {
  return async () => {
    const checks = await dependencies.check();
    // Kept in the storage: with the storage away there is nothing to tell.
    const feedback = await dependencies.feedback().catch(() => undefined);
    return answer(checks, { checks, feedback: feedback ? resource(feedback) : null });
  };
}

function answer(
  checks: Readonly<Record<string, Check>>,
  content: Readonly<Record<string, unknown>>,
): Awaited<ReturnType<Route>> {
  const healthy = Object.values(checks).every(({ status }) => status === 'ok');
  return {
    status: healthy ? 200 : 503,
    headers: { 'cache-control': 'no-store', ...(!healthy && { 'retry-after': '5' }) },
    jsonBody: { status: healthy ? 'healthy' : 'unhealthy', ...content },
  };
}

function resource({ lastFeedbackAt, ...report }: FeedbackReport): Record<string, unknown> {
  return {
    ...report,
    lastFeedbackAt: lastFeedbackAt === 0 ? null : new Date(lastFeedbackAt).toISOString(),
  };
}
