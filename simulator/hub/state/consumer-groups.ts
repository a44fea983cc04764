import { HubError } from './hub-error.ts';
import { MAX_CONSUMER_GROUPS } from './limits.ts';

const DEFAULT_CONSUMER_GROUP = '$Default';
/** https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsofteventhub */
const NAME = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,48}[A-Za-z0-9])?$/;

/** The consumer groups of the built-in endpoint; upper and lower case are one. */
export class ConsumerGroups {
  readonly #onChange: () => void;
  readonly #names = new Map<string, string>();

  constructor(names: readonly string[], onChange: () => void) {
    this.#onChange = onChange;
    this.replace(names);
  }

  has(name: string): boolean {
    return this.#names.has(name.toLowerCase());
  }

  /** Throws `argumentInvalid`. */
  add(name: string): void {
    if (this.has(name)) return;
    if (!NAME.test(name)) {
      throw new HubError(
        'argumentInvalid',
        `'${name.slice(0, 60)}' is not the name of a consumer group: 1 to 50 letters, digits, '.', '-' and '_', a letter or digit at both ends`,
      );
    }
    if (this.#names.size >= MAX_CONSUMER_GROUPS)
      throw new HubError(
        'argumentInvalid',
        `At most ${MAX_CONSUMER_GROUPS} consumer groups are allowed`,
      );
    this.#names.set(name.toLowerCase(), name);
    this.#onChange();
  }

  /** False if there is none; throws `argumentInvalid` for the one that cannot go. */
  remove(name: string): boolean {
    if (name.toLowerCase() === DEFAULT_CONSUMER_GROUP.toLowerCase())
      throw new HubError('argumentInvalid', `${DEFAULT_CONSUMER_GROUP} cannot be removed`);
    const isRemoved = this.#names.delete(name.toLowerCase());
    if (isRemoved) this.#onChange();
    return isRemoved;
  }

  list(): string[] {
    return [...this.#names.values()];
  }

  replace(names: readonly string[]): void {
    this.#names.clear();
    this.#names.set(DEFAULT_CONSUMER_GROUP.toLowerCase(), DEFAULT_CONSUMER_GROUP);
    for (const name of names) if (!this.has(name)) this.add(name);
  }
}
