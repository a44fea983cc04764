import { rename, rm } from 'node:fs/promises';
import path from 'node:path';

/** Where `downlink start` keeps what survives a restart. */
export class StateFolder {
  readonly root: string;
  readonly hub: string;
  readonly storage: string;
  readonly host: string;
  /** Bodies of the curl lines, where a shell cannot quote them. */
  readonly examples: string;

  constructor(root: string) {
    this.root = root;
    this.hub = path.join(root, 'hub');
    this.storage = path.join(root, 'storage');
    this.host = path.join(root, 'host');
    this.examples = path.join(root, 'examples');
  }

  async forget(): Promise<void> {
    await Promise.all(
      [this.hub, this.storage, this.#storageAside, this.host].map(async (folder) =>
        rm(folder, { recursive: true, force: true }),
      ),
    );
  }

  /** Answers where it is now, for whoever wants to look into it. */
  async setStorageAside(): Promise<string> {
    await rm(this.#storageAside, { recursive: true, force: true });
    await rename(this.storage, this.#storageAside);
    return this.#storageAside;
  }

  get #storageAside(): string {
    return `${this.storage}.unreadable`;
  }
}
