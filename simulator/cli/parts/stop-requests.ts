const SIGNALS: readonly NodeJS.Signals[] =
  process.platform === 'win32'
    ? ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGBREAK']
    : ['SIGINT', 'SIGTERM', 'SIGHUP'];
const PARENT_CHECK_MS = 500;

/**
 * Calls back when the user wants an end: Ctrl-C, a signal, the terminal gone. From here on no signal
 * ends this process, so a second Ctrl-C (npm passes on one of its own) does not cut the stop short.
 */
export function onStopRequest(listener: (reason: string) => void): void {
  for (const signal of SIGNALS) process.on(signal, listener);
  for (const output of [process.stdout, process.stderr]) {
    output.on('error', () => listener('the terminal is gone'));
  }
  watchParent(listener);
}

/** npm passes signals on to the shell that it starts us with, and most shells die without a word to us. */
function watchParent(listener: (reason: string) => void): void {
  if (process.env['npm_lifecycle_event'] === undefined) return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    listener('npm has ended');
  }, PARENT_CHECK_MS);
  timer.unref();
}
