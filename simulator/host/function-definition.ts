import type { RegisteredFunction } from './core-module/function-app.ts';
import type { EventHubTrigger } from './event-hubs/event-hub-trigger.ts';
import type { HttpTrigger } from './http/http-trigger.ts';
import type { QueueTrigger } from './queues/queue-trigger.ts';
import type { TimerTrigger } from './timers/timer-trigger.ts';

export type Trigger = HttpTrigger | TimerTrigger | QueueTrigger | EventHubTrigger;

/** A registered function whose trigger this host imitates. */
export interface FunctionDefinition<T extends Trigger = Trigger> {
  readonly name: string;
  readonly registered: RegisteredFunction;
  readonly trigger: T;
  readonly isDisabled: boolean;
}

/** What is told of a function to whoever started the host. */
export interface FunctionSummary {
  readonly name: string;
  readonly type: Trigger['type'];
  readonly isDisabled: boolean;
  readonly route?: string;
  readonly methods?: readonly string[];
  readonly authLevel?: string;
}

export function summarize({ name, trigger, isDisabled }: FunctionDefinition): FunctionSummary {
  if (trigger.type !== 'http') return { name, type: trigger.type, isDisabled };
  const { type, route, methods, authLevel } = trigger;
  return { name, type, isDisabled, route, methods, authLevel };
}

export function hasHttpTrigger(
  definition: FunctionDefinition,
): definition is FunctionDefinition<HttpTrigger> {
  return definition.trigger.type === 'http';
}
