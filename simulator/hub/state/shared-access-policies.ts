import { randomBytes } from 'node:crypto';

export type Right = 'registryRead' | 'registryWrite' | 'serviceConnect' | 'deviceConnect';

export interface SharedAccessPolicy {
  readonly name: string;
  readonly rights: readonly Right[];
  readonly primaryKey: string;
  readonly secondaryKey: string;
}

/** The policies that a new hub has. https://learn.microsoft.com/azure/iot-hub/authenticate-authorize-sas */
const RIGHTS: Readonly<Record<string, readonly Right[]>> = {
  iothubowner: ['registryRead', 'registryWrite', 'serviceConnect', 'deviceConnect'],
  service: ['serviceConnect'],
  device: ['deviceConnect'],
  registryRead: ['registryRead'],
  registryReadWrite: ['registryRead', 'registryWrite'],
};

export class SharedAccessPolicies {
  #policies: ReadonlyMap<string, SharedAccessPolicy> = new Map();

  constructor(policies: readonly SharedAccessPolicy[] = newPolicies()) {
    this.replace(policies);
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

export function newSharedAccessKey(): string {
  return randomBytes(32).toString('base64');
}

function newPolicies(): SharedAccessPolicy[] {
  return Object.entries(RIGHTS).map(([name, rights]) => ({
    name,
    rights,
    primaryKey: newSharedAccessKey(),
    secondaryKey: newSharedAccessKey(),
  }));
}
