import { readFile } from 'node:fs/promises';
import path from 'node:path';

/** What Azurite keeps in its folder beside the message bodies; each is one JSON object. */
const STATE_FILES = ['queue.json', 'queue-extents.json', 'table.json'] as const;

export class StorageStateError extends Error {
  override readonly name = 'StorageStateError';
  readonly file: string;

  constructor(file: string, cause: unknown) {
    super(
      `${file} cannot be read as the storage emulator's state. Remove its folder to start anew.`,
      { cause },
    );
    this.file = file;
  }
}

/** Azurite takes an empty file for a new one and so would forget everything without a word. */
export async function checkStoredState(folder: string): Promise<void> {
  await Promise.all(STATE_FILES.map(async (name) => checkStateFile(path.join(folder, name))));
}

async function checkStateFile(file: string): Promise<void> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (isNotFound(error)) return;
    throw error;
  }
  try {
    const state: unknown = JSON.parse(text);
    if (typeof state !== 'object' || state === null || !('collections' in state)) {
      throw new TypeError('not a database with collections');
    }
  } catch (error) {
    throw new StorageStateError(file, error);
  }
}

function isNotFound(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT';
}
