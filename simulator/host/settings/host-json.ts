import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { describeError, HostError, throwFaults } from '../host-error.ts';
import { eventHubSettings, type EventHubSettings } from './event-hub-settings.ts';
import { parseTimeSpan } from './time-span.ts';

export interface QueueSettings {
  batchSize: number;
  newBatchThreshold: number;
  maxDequeueCount: number;
  visibilityTimeoutMs: number;
  maxPollingIntervalMs: number;
  messageEncoding: 'base64' | 'none';
}

export interface HostJson {
  /** undefined: without an end. */
  functionTimeoutMs: number | undefined;
  routePrefix: string;
  queues: QueueSettings;
  eventHubs: EventHubSettings;
}

// The most messages that storage hands out at once.
const MAX_BATCH_SIZE = 32;
const MIN_POLLING_INTERVAL_MS = 100;

// .NET configuration knows only text and ignores the case of names: here all names are lower case.
const count = (minimum: number) => z.coerce.number().int().min(minimum);

const duration = z.string().transform(readDuration);

const functionTimeout = z.string().transform((text, context) => {
  if (text === '-1') return undefined;
  const timeout = readDuration(text, context);
  if (timeout === 0) context.addIssue('must be longer than nothing; -1 is without an end');
  return timeout;
});

function readDuration(text: string, context: z.core.$RefinementCtx): number {
  const parsed = parseTimeSpan(text);
  if (parsed !== undefined) return parsed;
  context.addIssue(`"${text}" is not a time span such as 00:00:30 or 1.00:00:00`);
  return z.NEVER;
}

const queues = z.strictObject({
  batchsize: count(1).max(MAX_BATCH_SIZE).default(16),
  newbatchthreshold: count(0).optional(),
  maxdequeuecount: count(1).default(5),
  visibilitytimeout: duration.default(0),
  maxpollinginterval: duration
    .refine((ms) => ms >= MIN_POLLING_INTERVAL_MS, 'must be at least 00:00:00.1')
    .default(60_000),
  messageencoding: z
    .string()
    .toLowerCase()
    .pipe(z.enum(['base64', 'none']))
    .default('base64'),
});

const isOff = z.union([z.literal(false), z.literal('false')]);

const http = z.strictObject({
  routeprefix: z.string().default('api'),
  dynamicthrottlesenabled: isOff.optional(),
});

/** They shape Azure, monitoring or extensions that are refused elsewhere; here they have no effect. */
const WITHOUT_EFFECT = {
  $schema: z.unknown().optional(),
  aggregator: z.unknown().optional(),
  applicationinsights: z.unknown().optional(),
  extensionbundle: z.unknown().optional(),
  healthmonitor: z.unknown().optional(),
  logging: z.unknown().optional(),
  manageddependency: z.unknown().optional(),
  singleton: z.unknown().optional(),
  telemetrymode: z.unknown().optional(),
  watchdirectories: z.unknown().optional(),
  watchfiles: z.unknown().optional(),
};

const schema = z.strictObject({
  ...WITHOUT_EFFECT,
  version: z.literal('2.0'),
  functiontimeout: functionTimeout.optional(),
  extensions: z
    .looseObject({
      http: http.prefault({}),
      queues: queues.prefault({}),
      eventhubs: eventHubSettings.prefault({}),
    })
    .prefault({}),
});

const OVERRIDE = /^AzureFunctionsJobHost(?:__|:)(.+)$/i;

/** host.json with the `AzureFunctionsJobHost__a__b` settings laid over it. */
export async function readHostJson(
  appRoot: string,
  environment: NodeJS.ProcessEnv,
): Promise<HostJson> {
  const file = path.join(appRoot, 'host.json');
  const settings = withLowerCaseNames(await readJson(file));
  if (!isRecord(settings)) throw new HostError(`${file} must hold a JSON object.`);
  for (const [name, value] of Object.entries(environment)) {
    const names = OVERRIDE.exec(name)?.[1];
    if (names !== undefined) override(settings, names.toLowerCase().split(/__|:/), value);
  }

  const { data, error } = schema.safeParse(settings);
  if (data === undefined) {
    throwFaults(`${file} is not what this host understands:`, error.issues.map(describeIssue));
    throw error;
  }
  const { http: web, queues: queue, eventhubs: eventHubs } = data.extensions;
  return {
    functionTimeoutMs: data.functiontimeout,
    routePrefix: web.routeprefix,
    queues: {
      batchSize: queue.batchsize,
      newBatchThreshold: queue.newbatchthreshold ?? Math.floor(queue.batchsize / 2),
      maxDequeueCount: queue.maxdequeuecount,
      visibilityTimeoutMs: queue.visibilitytimeout,
      maxPollingIntervalMs: queue.maxpollinginterval,
      messageEncoding: queue.messageencoding,
    },
    eventHubs,
  };
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new HostError(`${file} cannot be read: ${describeError(error)}`, { cause: error });
  }
}

function override(
  settings: Record<string, unknown>,
  [name = '', ...rest]: string[],
  value: unknown,
): void {
  if (rest.length === 0) {
    settings[name] = value;
    return;
  }
  const inner = settings[name];
  const next = isRecord(inner) ? inner : {};
  settings[name] = next;
  override(next, rest, value);
}

function withLowerCaseNames(value: unknown): unknown {
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name.toLowerCase(), withLowerCaseNames(inner)]),
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function describeIssue({ path: names, message }: z.core.$ZodIssue): string {
  return `${names.join('.') || 'host.json'}: ${message}`;
}
