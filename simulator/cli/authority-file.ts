import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

export interface AuthorityFile {
  file: string;
  stop(): Promise<void>;
}

/** For a hub that keeps nothing: its clients need the authority in a file all the same. */
export async function writeAuthorityFile(pem: string): Promise<AuthorityFile> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'downlink-authority-'));
  const file = path.join(folder, 'ca.pem');
  await writeFile(file, pem);
  return { file, stop: async () => rm(folder, { recursive: true, force: true }) };
}
