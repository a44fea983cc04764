import { readFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { describeError, HostError } from '../host-error.ts';

const packageSchema = z.looseObject({ main: z.string() });
const PATTERN = /[*?[\]{}!]/;

/** Loads the file that `main` of package.json names, as the worker of the real host does. */
export async function loadApp(appRoot: string): Promise<void> {
  const main = await readMain(path.join(appRoot, 'package.json'));
  if (PATTERN.test(main)) {
    throw new HostError(
      `"main" of package.json is the pattern "${main}"; this host loads one file.`,
    );
  }
  const file = path.join(appRoot, main);
  if (!existsSync(file)) {
    throw new HostError(`${file}, "main" of package.json, does not exist. Is the app built?`);
  }
  try {
    await import(pathToFileURL(file).href);
  } catch (error) {
    throw new HostError(`The app failed as it was loaded: ${describeError(error)}`, {
      cause: error,
    });
  }
}

async function readMain(packageFile: string): Promise<string> {
  try {
    return packageSchema.parse(JSON.parse(await readFile(packageFile, 'utf8'))).main;
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : describeError(error);
    throw new HostError(`${packageFile} cannot be used: ${reason}`, { cause: error });
  }
}
