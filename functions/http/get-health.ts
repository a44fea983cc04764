import type { Route } from './route.ts';

/** How long an answer serves: probing more often would eat into the hub's throttle. */
const CACHED_MS = 5_000;

/** `GET /api/health`: 200 when hub and storage answer, else 503. Open to everybody, so it says no more than that. */
export function getHealthRoute(dependencies: {
  checks: Readonly<Record<string, () => Promise<void>>>;
  now: () => number;
}): Route {
  const { checks, now } = dependencies;
  let latest: { at: number; results: Promise<Record<string, 'ok' | 'unavailable'>> } | undefined;

  async function probe(): Promise<Record<string, 'ok' | 'unavailable'>> {
    const results = Object.entries(checks).map(async ([name, check]) =>
      check().then(
        () => [name, 'ok'] as const,
        () => [name, 'unavailable'] as const,
      ),
    );
    return Object.fromEntries(await Promise.all(results));
  }

  return async () => {
    if (!latest || now() - latest.at >= CACHED_MS) latest = { at: now(), results: probe() };
    const results = await latest.results;
    const healthy = Object.values(results).every((result) => result === 'ok');
    return {
      status: healthy ? 200 : 503,
      headers: { 'cache-control': 'no-store', ...(!healthy && { 'retry-after': '5' }) },
      jsonBody: { status: healthy ? 'healthy' : 'unhealthy', checks: results },
    };
  };
}
