import { z } from 'zod';
import { HostError } from '../host-error.ts';
import { expandSettings, readConnectionString } from '../settings/app-settings.ts';

export interface QueueTrigger {
  readonly type: 'queue';
  readonly bindingName: string;
  readonly queueName: string;
  readonly connectionString: string;
  /** Whether the function wants bytes instead of text. */
  readonly isBinary: boolean;
}

const schema = z.object({
  queueName: z.string(),
  connection: z.string().default('AzureWebJobsStorage'),
  dataType: z.enum(['string', 'binary']).default('string'),
});

const QUEUE_NAME = /^(?=.{3,63}$)[a-z0-9]+(?:-[a-z0-9]+)*$/;

export function readQueueTrigger(
  bindingName: string,
  binding: unknown,
  environment: NodeJS.ProcessEnv,
): QueueTrigger {
  const { queueName: name, connection, dataType } = schema.parse(binding);
  const queueName = expandSettings(name, environment).toLowerCase();
  if (!QUEUE_NAME.test(queueName)) throw new HostError(`"${queueName}" cannot be a queue's name`);
  return {
    type: 'queue',
    bindingName,
    queueName,
    connectionString: readConnectionString(connection, environment),
    isBinary: dataType === 'binary',
  };
}
