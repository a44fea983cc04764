import type { Part } from './part.ts';

/** A server of this process. It ends by itself only with the process, so `ended` never settles. */
export function inProcessPart(name: string, starting: Promise<{ stop(): Promise<void> }>): Part {
  return {
    name,
    ended: new Promise(() => {}),
    stop: async () => {
      const started = await starting.catch(() => undefined);
      await started?.stop();
    },
  };
}
