/** Runs `work` over and over, so many at a time, for so long; returns how often, and how long each took. */
export async function keepInFlight(
  count: number,
  durationMs: number,
  work: (ordinal: number) => Promise<void>,
): Promise<{ latenciesMs: number[]; elapsedMs: number }> {
  const latenciesMs: number[] = [];
  const start = performance.now();
  let ordinal = 0;
  async function worker(): Promise<void> {
    while (performance.now() - start < durationMs) {
      const before = performance.now();
      await work(ordinal++);
      latenciesMs.push(performance.now() - before);
    }
  }
  await Promise.all(Array.from({ length: count }, worker));
  return { latenciesMs, elapsedMs: performance.now() - start };
}
