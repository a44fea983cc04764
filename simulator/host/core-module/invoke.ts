import { randomUUID } from 'node:crypto';
import { isError } from '../host-error.ts';
import type { CoreInvocationContext, InvocationInput, InvocationResponse } from './core-types.ts';
import type { FunctionApp, RegisteredFunction } from './function-app.ts';
import { readOnly } from './hooks.ts';

/** One call of a function, in the order in which the worker of the real host goes about it. */
export async function invoke(
  app: FunctionApp,
  { metadata, callback }: RegisteredFunction,
  input: InvocationInput,
): Promise<InvocationResponse> {
  const scope: { functionName: string; hookData: object; invocationContext: unknown } = {
    functionName: metadata.name,
    hookData: {},
    invocationContext: undefined,
  };
  const invocationId = randomUUID();
  const core: CoreInvocationContext = {
    invocationId,
    request: { ...input, invocationId, functionId: metadata.functionId ?? metadata.name },
    metadata,
    state: undefined,
    log: (level, category, message) => app.log(level, category, message, scope),
  };

  const model = await app.programmingModel.getInvocationModel(core);
  const { context, inputs } = await model.getArguments();
  scope.invocationContext = context;
  const fixed = {
    hookData: scope.hookData,
    appHookData: app.appHookData,
    invocationContext: context,
  };

  const before = Object.assign(readOnly(fixed), { inputs, functionCallback: callback });
  await inState(core, 'preInvocationHooks', async () => app.hooks.run('preInvocation', before));

  const after: { inputs: unknown[]; result: unknown; error: unknown } = Object.assign(
    readOnly(fixed),
    { inputs: before.inputs, result: null, error: null },
  );
  await inState(core, 'invocation', async () => {
    try {
      after.result = await model.invokeFunction(context, before.inputs, before.functionCallback);
    } catch (error) {
      after.error = error;
    }
  });
  await inState(core, 'postInvocationHooks', async () => app.hooks.run('postInvocation', after));

  if (isError(after.error)) throw after.error;
  if (after.error !== null && after.error !== undefined) {
    throw new Error('The function threw what is no Error, which Azure would take for success');
  }
  return model.getResponse(context, after.result);
}

async function inState(
  core: CoreInvocationContext,
  state: CoreInvocationContext['state'],
  run: () => Promise<void>,
): Promise<void> {
  core.state = state;
  try {
    await run();
  } finally {
    core.state = undefined;
  }
}
