/** What ends a run before its time: the user's wish, or a part that died. The first one counts. */
export class Interruption {
  readonly #happened: Promise<never>;
  #reject: (reason: Error) => void = () => {};

  constructor() {
    this.#happened = new Promise((_, reject) => {
      this.#reject = reject;
    });
    // It may come while nobody waits.
    this.#happened.catch(() => {});
  }

  interrupt(reason: Error): void {
    this.#reject(reason);
  }

  /** Rejects with the reason of the interruption if that comes first. */
  async orInterrupted<T>(work: Promise<T>): Promise<T> {
    return Promise.race([this.#happened, work]);
  }

  async untilInterrupted(): Promise<never> {
    return this.#happened;
  }
}
