/**
 * Runs what belongs to one key in turn, and hands each what the one before has left. What is left is forgotten when
 * nobody waits any more, and after a failure.
 */
export function serially<Left>(): <Result>(
  key: string,
  run: (left: Left | undefined) => Promise<{ result: Result; latest: Left | undefined }>,
) => Promise<Result> {
  const tails = new Map<string, Promise<Left | undefined>>();
  return async (key, run) => {
    const done = (tails.get(key) ?? Promise.resolve(undefined)).then(run);
    const tail = done.then(
      ({ latest }) => latest,
      () => undefined,
    );
    tails.set(key, tail);
    try {
      return (await done).result;
    } finally {
      if (tails.get(key) === tail) tails.delete(key);
    }
  };
}
