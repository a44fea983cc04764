import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { cacheFolder, inEnvironment } from '../cache-folder.ts';
import type { ProgramCommand } from '../program.ts';

const REQUIREMENTS = path.join(import.meta.dirname, 'requirements.txt');

const folder = cacheFolder(
  `python-${createHash('sha256').update(readFileSync(REQUIREMENTS)).digest('hex').slice(0, 12)}`,
);
const python = path.join(folder, process.platform === 'win32' ? 'Scripts/python' : 'bin/python');

export function pythonProgram(file: string, transport: string): ProgramCommand {
  return { file: python, arguments: [path.join(import.meta.dirname, file), transport] };
}

/** A virtual environment with the SDKs; says what is missing, if it cannot be made. */
export function preparePython(): Promise<string | undefined> {
  return inEnvironment(folder, [
    ['python3', '-m', 'venv', '--clear', folder],
    [python, '-m', 'pip', 'install', '--quiet', '--requirement', REQUIREMENTS],
  ]);
}
