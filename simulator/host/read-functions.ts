import { z } from 'zod';
import type { RegisteredFunction } from './core-module/function-app.ts';
import { readEventHubTrigger } from './event-hubs/event-hub-trigger.ts';
import type { FunctionDefinition, Trigger } from './function-definition.ts';
import { describeError, throwFaults } from './host-error.ts';
import { readHttpTrigger } from './http/http-trigger.ts';
import { readQueueTrigger } from './queues/queue-trigger.ts';
import { isDisabled } from './settings/app-settings.ts';
import { readTimerTrigger } from './timers/timer-trigger.ts';

export interface ReadFunctionsOptions {
  readonly routePrefix: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly hasStateFolder: boolean;
}

const bindingSchema = z.object({
  type: z.string(),
  direction: z.enum(['in', 'out', 'inout']),
  properties: z.object({ supportsDeferredBinding: z.string().optional() }).optional(),
});

type Binding = z.infer<typeof bindingSchema>;

const IS_TRIGGER = /trigger$/i;

/** The functions with what starts them. Throws one HostError that names all that is not imitated. */
export function readFunctions(
  registered: readonly RegisteredFunction[],
  options: ReadFunctionsOptions,
): FunctionDefinition[] {
  const faults: string[] = [];
  const functions = registered.flatMap((each): FunctionDefinition[] => {
    const { name } = each.metadata;
    try {
      const trigger = readTrigger(each, options);
      return [
        { name, registered: each, trigger, isDisabled: isDisabled(name, options.environment) },
      ];
    } catch (error) {
      const reason = error instanceof z.ZodError ? z.prettifyError(error) : describeError(error);
      faults.push(`${name}: ${reason}`);
      return [];
    }
  });
  throwFaults('This host does not run these functions as Azure would:', faults);
  return functions;
}

function readTrigger({ metadata }: RegisteredFunction, options: ReadFunctionsOptions): Trigger {
  const { name: functionName, bindings, retryOptions } = metadata;
  const triggers = Object.entries(bindings).filter(([, each]) =>
    IS_TRIGGER.test(bindingSchema.parse(each).type),
  );
  const [trigger] = triggers;
  if (trigger === undefined || triggers.length > 1) throw new Error('it needs one trigger');
  const [bindingName, binding] = trigger;
  const type = bindingSchema.parse(binding).type.toLowerCase();
  for (const [name, each] of Object.entries(bindings)) {
    refuseOtherBinding(name, bindingSchema.parse(each), type);
  }
  if (retryOptions && type !== 'eventhubtrigger')
    throw new Error('retry policies are imitated for Event Hubs triggers only');
  switch (type) {
    case 'httptrigger':
      return readHttpTrigger(bindingName, binding, {
        functionName,
        routePrefix: options.routePrefix,
      });
    case 'timertrigger':
      return readTimerTrigger(bindingName, binding, options);
    case 'queuetrigger':
      return readQueueTrigger(bindingName, binding, options.environment);
    case 'eventhubtrigger':
      return readEventHubTrigger(bindingName, binding, {
        environment: options.environment,
        retryOptions,
      });
    default:
      throw new Error(
        `the trigger "${type}" is not imitated (there are httpTrigger, timerTrigger, queueTrigger, eventHubTrigger)`,
      );
  }
}

function refuseOtherBinding(name: string, binding: Binding, triggerType: string): void {
  const { type, direction, properties } = binding;
  if (properties?.supportsDeferredBinding === 'true') {
    throw new Error(`"${name}" asks for a binding to SDK types, which is not imitated`);
  }
  const isHttpReturn =
    name === '$return' && direction === 'out' && type === 'http' && triggerType === 'httptrigger';
  if (!IS_TRIGGER.test(type) && !isHttpReturn) {
    const kind = direction === 'in' ? 'input' : 'output';
    throw new Error(`the ${kind} binding "${type}" is not imitated; use the service's SDK`);
  }
}
