import Module from 'node:module';
import type { FunctionApp } from './function-app.ts';
import type {
  FunctionCallback,
  FunctionMetadata,
  LogCategory,
  ProgrammingModel,
} from './core-types.ts';
import { Disposable } from './disposable.ts';
import type { HookCallback } from './hooks.ts';
import type { LogLevel } from '../host-log.ts';

const CORE_MODULE = '@azure/functions-core';
// The app cannot take this for a version of Microsoft's.
const VERSION = '4.0.0-downlink';

/**
 * `@azure/functions-core` is on no registry: the worker of the real host puts it in place of what
 * `require` would find. So do we, and what is bundled for Azure runs unchanged.
 */
export function provideCoreModule(app: FunctionApp): void {
  const coreModule = {
    version: VERSION,
    hostVersion: VERSION,
    Disposable,
    getProgrammingModel: () => app.programmingModel,
    setProgrammingModel: (model: ProgrammingModel) => app.setProgrammingModel(model),
    registerFunction: (metadata: FunctionMetadata, callback: FunctionCallback) =>
      app.register(metadata, callback),
    registerHook: (name: string, callback: HookCallback) => app.hooks.register(name, callback),
    log: (level: LogLevel, category: LogCategory, message: string) =>
      app.log(level, category, message),
  };
  // oxlint-disable-next-line typescript/unbound-method -- the proxy passes `this` on
  Module.prototype.require = new Proxy(Module.prototype.require, {
    apply: (target, self, parameters) =>
      parameters[0] === CORE_MODULE ? coreModule : Reflect.apply(target, self, parameters),
  });
}
