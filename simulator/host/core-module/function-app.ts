import { HostError } from '../host-error.ts';
import type { HostLog, LogLevel } from '../host-log.ts';
import type {
  FunctionCallback,
  FunctionMetadata,
  LogCategory,
  ProgrammingModel,
} from './core-types.ts';
import { Disposable } from './disposable.ts';
import { Hooks, readOnly } from './hooks.ts';

export interface RegisteredFunction {
  readonly metadata: FunctionMetadata;
  readonly callback: FunctionCallback;
}

export interface LogScope {
  functionName: string;
  hookData: object;
  invocationContext: unknown;
}

// The rule of the real host for names of functions.
const FUNCTION_NAME = /^[a-z][\w-]{0,126}$/i;

/** What the app registered as it was loaded: its functions, hooks and programming model. */
export class FunctionApp {
  readonly hooks = new Hooks();
  /** Shared by all hooks of the app. */
  readonly appHookData = {};
  /** Shared by the hooks of the app's start and end alone. */
  readonly #appLevelHookData = {};
  readonly #functions = new Map<string, RegisteredFunction>();
  readonly #log: HostLog;
  #programmingModel: ProgrammingModel | undefined;
  #isStarted = false;

  constructor(log: HostLog) {
    this.#log = log;
  }

  get functions(): RegisteredFunction[] {
    return [...this.#functions.values()];
  }

  get programmingModel(): ProgrammingModel {
    if (this.#programmingModel === undefined) {
      throw new HostError('The app registered no function with @azure/functions.');
    }
    return this.#programmingModel;
  }

  setProgrammingModel(model: ProgrammingModel): void {
    this.#programmingModel = model;
  }

  register(metadata: FunctionMetadata, callback: FunctionCallback): Disposable {
    this.#refuseOnceStarted('registered');
    const { name } = metadata;
    if (!FUNCTION_NAME.test(name)) throw new Error(`"${name}" cannot be the name of a function`);
    const id = name.toLowerCase();
    if (this.#functions.has(id)) throw new Error(`The function "${name}" is registered twice`);
    this.#functions.set(id, { metadata, callback });
    return new Disposable(() => {
      this.#refuseOnceStarted('disposed');
      this.#functions.delete(id);
    });
  }

  async start(functionAppDirectory: string): Promise<void> {
    this.#isStarted = true;
    const context = { ...this.#appLevelContext(), functionAppDirectory };
    await this.hooks.run('appStart', readOnly(context));
  }

  async terminate(): Promise<void> {
    await this.hooks.run('appTerminate', readOnly(this.#appLevelContext()));
  }

  /** A `log` hook may change what the app logs, but not what the host or the library does. */
  log(level: LogLevel, category: LogCategory, message: string, scope?: LogScope): void {
    if (category === 'customMetric') return;
    const { hookData = {}, invocationContext } = scope ?? {};
    const fixed = { category, hookData, appHookData: this.appHookData, invocationContext };
    const context = Object.assign(readOnly(fixed), { level, message });
    this.hooks.runLog(context);
    const written = category === 'user' ? context : { level, message };
    this.#log.write(written.level, scope?.functionName ?? 'app', written.message);
  }

  #appLevelContext(): { hookData: object; appHookData: object } {
    return { hookData: this.#appLevelHookData, appHookData: this.appHookData };
  }

  #refuseOnceStarted(what: string): void {
    if (this.#isStarted) throw new Error(`A function can only be ${what} as the app starts`);
  }
}
