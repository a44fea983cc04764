/** Ends a run with one plain line of counts, and fails it if a test was skipped: none is skipped here. */
// oxlint-disable-next-line import/no-default-export -- jest makes the module's default export
export default class SummaryReporter {
  #skipped = 0;

  onRunComplete(_contexts, results) {
    this.#skipped = results.numPendingTests + results.numTodoTests;
    const { numPassedTests, numFailedTests } = results;
    process.stdout.write(
      `${numPassedTests} passed, ${numFailedTests} failed, ${this.#skipped} skipped\n`,
    );
  }

  getLastError() {
    if (this.#skipped > 0) return new Error(`${this.#skipped} tests were skipped`);
    return undefined;
  }
}
