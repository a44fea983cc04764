import { describeError, HostError } from '../host-error.ts';
import type { HostLog } from '../host-log.ts';
import { FunctionApp } from './function-app.ts';
import { loadApp } from './load-app.ts';
import { provideCoreModule } from './provide-core-module.ts';

/** Loads the app into this process and runs its `appStart` hooks. */
export async function startApp(appRoot: string, log: HostLog): Promise<FunctionApp> {
  const app = new FunctionApp(log);
  provideCoreModule(app);
  await loadApp(appRoot);
  const capabilities = await app.programmingModel.getCapabilities?.({});
  if (capabilities?.['HttpUri'] !== undefined) {
    throw new HostError('HTTP streams (enableHttpStream) are not imitated.');
  }
  try {
    await app.start(appRoot);
  } catch (error) {
    throw new HostError(`An appStart hook of the app failed: ${describeError(error)}`, {
      cause: error,
    });
  }
  return app;
}
