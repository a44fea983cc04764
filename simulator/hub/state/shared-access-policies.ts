import { HubError } from './hub-error.ts';
import { checkSharedAccessKey, newSharedAccessKey } from './shared-access-key.ts';

export const ALL_RIGHTS = [
  'registryRead',
  'registryWrite',
  'serviceConnect',
  'deviceConnect',
] as const;
export type Right = (typeof ALL_RIGHTS)[number];

export interface SharedAccessPolicy {
  readonly name: string;
  readonly rights: readonly Right[];
  readonly primaryKey: string;
  readonly secondaryKey: string;
}

/** The policies that a new hub has. https://learn.microsoft.com/azure/iot-hub/authenticate-authorize-sas */
const RIGHTS: Readonly<Record<string, readonly Right[]>> = {
  iothubowner: ALL_RIGHTS,
  service: ['serviceConnect'],
  device: ['deviceConnect'],
  registryRead: ['registryRead'],
  registryReadWrite: ['registryRead', 'registryWrite'],
};

/** Who may change what there is, and how the hub itself is reached. */
const OWNER = 'iothubowner';
const NAME = /^[A-Za-z0-9!._-]{1,64}$/;

/** What is left out stays as it is; of a new policy the hub chooses the keys. */
export interface PolicyInput {
  readonly rights?: readonly Right[] | undefined;
  readonly primaryKey?: string | undefined;
  readonly secondaryKey?: string | undefined;
}

export class SharedAccessPolicies {
  readonly #onChange: () => void;
  #policies: ReadonlyMap<string, SharedAccessPolicy> = new Map();

  constructor(onChange: () => void = () => {}) {
    this.#onChange = onChange;
    this.replace(newPolicies());
  }

  /** A new one, or a change of one: keys that are replaced open nothing from now on. Throws `argumentInvalid`. */
  put(name: string, input: PolicyInput): SharedAccessPolicy {
    if (!NAME.test(name)) {
      throw invalid("its name must be 1 to 64 letters, digits, '!', '.', '_' and '-'");
    }
    checkSharedAccessKey('primaryKey', input.primaryKey);
    checkSharedAccessKey('secondaryKey', input.secondaryKey);
    const current = this.find(name);
    const rights = input.rights ?? current?.rights ?? [];
    if (rights.length === 0) throw invalid('it must have at least one right');
    if (name === OWNER && rights.length < ALL_RIGHTS.length)
      throw invalid(`${OWNER} keeps all rights`);
    const policy = {
      name,
      rights,
      primaryKey: input.primaryKey ?? current?.primaryKey ?? newSharedAccessKey(),
      secondaryKey: input.secondaryKey ?? current?.secondaryKey ?? newSharedAccessKey(),
    };
    this.#policies = new Map(this.#policies).set(name, policy);
    this.#onChange();
    return policy;
  }

  /** Throws `argumentInvalid`. */
  remove(name: string): boolean {
    if (name === OWNER) throw invalid(`${OWNER} is how the admin API is reached`);
    const policies = new Map(this.#policies);
    const isRemoved = policies.delete(name);
    this.#policies = policies;
    if (isRemoved) this.#onChange();
    return isRemoved;
  }

  replace(policies: readonly SharedAccessPolicy[]): void {
    this.#policies = new Map(policies.map((policy) => [policy.name, policy]));
  }

  find(name: string): SharedAccessPolicy | undefined {
    return this.#policies.get(name);
  }

  list(): SharedAccessPolicy[] {
    return [...this.#policies.values()];
  }
}

function invalid(what: string): HubError {
  return new HubError('argumentInvalid', `Of a shared access policy: ${what}`);
}

function newPolicies(): SharedAccessPolicy[] {
  return Object.entries(RIGHTS).map(([name, rights]) => ({
    name,
    rights,
    primaryKey: newSharedAccessKey(),
    secondaryKey: newSharedAccessKey(),
  }));
}
