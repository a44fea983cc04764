import { execFile } from 'node:child_process';
import { access, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const CACHE = path.resolve(import.meta.dirname, '../../node_modules/.cache/interop');
const STEP_MS = 240_000;

export function cacheFolder(name: string): string {
  return path.join(CACHE, name);
}

/** Takes the steps unless they were taken already; tells the first line of what went wrong. */
export async function inEnvironment(
  folder: string,
  steps: readonly (readonly [string, ...string[]])[],
): Promise<string | undefined> {
  const done = `${folder}.done`;
  if (await exists(done)) return undefined;
  await mkdir(CACHE, { recursive: true });
  for (const [file, ...rest] of steps) {
    try {
      await run(file, rest, { timeout: STEP_MS, maxBuffer: 64 * 1024 * 1024 });
    } catch (error) {
      return `${file}: ${lastWords(error)}`;
    }
  }
  await writeFile(done, '');
  return undefined;
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

function lastWords(error: unknown): string {
  const {
    stdout = '',
    stderr = '',
    message,
  } = error as Error & {
    stdout?: string;
    stderr?: string;
  };
  const lines = `${stdout}\n${stderr}`.split('\n').filter((line) => line.trim() !== '');
  return lines.find((line) => /error/i.test(line)) ?? lines.at(-1) ?? message;
}
