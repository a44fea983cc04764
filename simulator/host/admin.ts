import path from 'node:path';
import type { FunctionDefinition } from './function-definition.ts';
import type { Admin } from './http/admin-routes.ts';
import type { Listener } from './listeners.ts';

// As long as the real host's ids may be.
const ID_LENGTH = 32;

export function createAdmin(
  appRoot: string,
  functions: readonly FunctionDefinition[],
  listeners: ReadonlyMap<string, Listener>,
): Admin {
  return {
    status: () => ({
      id: path.basename(path.resolve(appRoot)).slice(0, ID_LENGTH),
      state: 'Running',
      version: 'downlink',
      processUptime: Math.round(process.uptime() * 1_000),
    }),
    runFunction: (name, input) => {
      const found = functions.find((each) => each.name.toLowerCase() === name.toLowerCase());
      if (found === undefined) return 'unknown';
      const listener = listeners.get(found.name);
      if (listener === undefined) return 'has a route';
      void listener.runManually(input);
      return 'started';
    },
  };
}
