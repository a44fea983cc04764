import { Disposable } from './disposable.ts';

const HOOK_NAMES = ['appStart', 'appTerminate', 'preInvocation', 'postInvocation', 'log'] as const;

export type HookName = (typeof HOOK_NAMES)[number];

export type HookCallback = (context: object) => unknown;

/** The callbacks of each hook, in the order in which they were registered. */
export class Hooks {
  readonly #callbacks = new Map<string, HookCallback[]>(HOOK_NAMES.map((name) => [name, []]));

  register(name: string, callback: HookCallback): Disposable {
    const callbacks = this.#callbacks.get(name);
    if (callbacks === undefined) throw new RangeError(`Unrecognized hook "${name}"`);
    callbacks.push(callback);
    return new Disposable(() => {
      const index = callbacks.indexOf(callback);
      if (index !== -1) callbacks.splice(index, 1);
    });
  }

  /** One after the other; the first that throws ends it. */
  async run(name: Exclude<HookName, 'log'>, context: object): Promise<void> {
    for (const callback of this.#of(name)) await callback(context);
  }

  runLog(context: object): void {
    for (const callback of this.#of('log')) callback(context);
  }

  #of(name: HookName): HookCallback[] {
    return [...(this.#callbacks.get(name) ?? [])];
  }
}

/** A hook may change what stands in these, but not put something else in their place. */
export function readOnly<T extends object>(properties: T): T {
  const context: T = { ...properties };
  for (const name of Object.keys(properties)) {
    Object.defineProperty(context, name, {
      enumerable: true,
      get: () => Reflect.get(properties, name),
      set: () => {
        throw new Error(`Cannot assign to read only property "${name}"`);
      },
    });
  }
  return context;
}
