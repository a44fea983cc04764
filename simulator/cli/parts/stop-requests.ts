const SIGNALS: readonly NodeJS.Signals[] =
  process.platform === 'win32'
    ? ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGBREAK']
    : ['SIGINT', 'SIGTERM', 'SIGHUP'];
const PARENT_CHECK_MS = 500;

/**
 * Calls back when the user wants an end: Ctrl-C, a signal, the terminal gone. Until it is undone no
 * signal ends this process, so a second Ctrl-C (npm passes on its own one too) does not cut the stop short.
 */
export function onStopRequest(listener: (reason: string) => void): () => void {
  const onSignal = (signal: NodeJS.Signals): void => listener(signal);
  const onOutputError = (): void => listener('the terminal is gone');
  for (const signal of SIGNALS) process.on(signal, onSignal);
  process.stdout.on('error', onOutputError);
  process.stderr.on('error', onOutputError);
  const parentCheck = watchParent(listener);
  return () => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
    process.stdout.off('error', onOutputError);
    process.stderr.off('error', onOutputError);
    clearInterval(parentCheck);
  };
}

/** npm passes signals on to the shell that it starts us with, and most shells die without a word to us. */
function watchParent(listener: (reason: string) => void): NodeJS.Timeout | undefined {
  if (process.env['npm_lifecycle_event'] === undefined) return undefined;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    listener('npm has ended');
  }, PARENT_CHECK_MS);
  return timer.unref();
}
