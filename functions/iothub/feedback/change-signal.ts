/** Lets somebody wait for a condition that others bring about. */
export interface ChangeSignal {
  /** To be called whenever a condition may have come true. */
  notify(): void;
  /** Settles when the condition is true or the time is up, and says which. */
  until(condition: () => boolean, ms: number): Promise<boolean>;
}

export function changeSignal(): ChangeSignal {
  const checks = new Set<() => void>();
  return {
    notify() {
      for (const check of checks) check();
    },
    async until(condition, ms) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(end, ms);
        function end(): void {
          clearTimeout(timer);
          checks.delete(check);
          resolve();
        }
        function check(): void {
          if (condition()) end();
        }
        checks.add(check);
        check();
      });
      return condition();
    },
  };
}
