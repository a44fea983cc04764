import * as z from 'zod';
import { HOST_NAME, parseConnectionString } from './iothub/connection-string.ts';
import { HUB_SKUS } from './messages/dispatch/send-rate.ts';
import type { HubAccess } from './iothub/iothub.ts';
import type { HubSku } from './messages/dispatch/send-rate.ts';
import { MAX_TTL_SECONDS } from './messages/message.ts';

const CONNECTION_STRING = 'DOWNLINK_IOTHUB_CONNECTION_STRING';
const HOST = 'DOWNLINK_IOTHUB_HOST_NAME';

/** Every setting of the app, with its default. The README lists them, and those of the local run. */
const settingsSchema = z.object({
  /** Service connection string of the hub: `HostName=…;SharedAccessKeyName=…;SharedAccessKey=…`. */
  DOWNLINK_IOTHUB_CONNECTION_STRING: z
    .string()
    .superRefine((text, context) => {
      try {
        parseConnectionString(text);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        context.addIssue({ code: 'custom', message: `is not right. ${message}` });
      }
    })
    .optional(),
  /** Instead of it: the hub's host name, for the identity that Azure gave this app. */
  DOWNLINK_IOTHUB_HOST_NAME: z
    .string()
    .regex(HOST_NAME, 'must be a host name alone, e.g. my-hub.azure-devices.net')
    .optional(),
  /** The client id of a user-assigned identity; without it the app's system-assigned one is used. */
  AZURE_CLIENT_ID: z.string().min(1, 'must not be empty').optional(),
  /** Connection string of the storage account for tables and queues; the Functions host uses it as well. */
  AzureWebJobsStorage: z
    .string('is missing: the connection string of a storage account')
    .regex(/(AccountName|UseDevelopmentStorage)=/i, 'must be a storage connection string'),
  /** Who may call: `key` asks for a function key, `entra` for an app role; App Service checks the token. */
  DOWNLINK_AUTH: z.enum(['key', 'entra'], "must be 'key' or 'entra'").default('key'),
  /** How feedback is read from the hub: over AMQP, or over REST where no AMQP passes. */
  DOWNLINK_FEEDBACK_SOURCE: z.enum(['amqp', 'rest'], "must be 'amqp' or 'rest'").default('amqp'),
  /** How long the hub keeps feedback: its property feedback.ttlAsIso8601, in seconds. */
  DOWNLINK_FEEDBACK_TTL_SECONDS: wholeNumber({ min: 60, max: MAX_TTL_SECONDS, otherwise: 3600 }),
  /** The hub's SKU: with it, backlogs are handed over no faster than the hub allows. */
  DOWNLINK_HUB_SKU: z.enum(HUB_SKUS, `must be one of ${HUB_SKUS.join(', ')}`).optional(),
  /** The hub's units of that SKU. */
  DOWNLINK_HUB_UNITS: wholeNumber({ min: 1, max: 200, otherwise: 1 }),
  /** How long one attempt to hand a message to the hub may take before a repeat may try again. */
  DOWNLINK_HAND_OVER_SECONDS: wholeNumber({ min: 2, max: 300, otherwise: 30 }),
  /** Connection string of an event hub that has what devices send: there receipts are read. Without it there are none. */
  DOWNLINK_EVENT_HUB: z.string().optional(),
  /** Instead of a connection string, for managed identity: `<namespace>.servicebus.windows.net`. */
  DOWNLINK_EVENT_HUB__fullyQualifiedNamespace: z.string().optional(),
  /** The event hub, unless the connection string names it. */
  DOWNLINK_EVENT_HUB_NAME: z.string().optional(),
  /** A consumer group of its own: nobody else may read in it. */
  DOWNLINK_EVENT_HUB_CONSUMER_GROUP: z.string().min(1, 'must not be empty').default('$Default'),
  /** How many days messages are kept. */
  DOWNLINK_RETENTION_DAYS: wholeNumber({ min: 1, max: 3650, otherwise: 90 }),
});

/** The setting, or the prefix of settings, by which the Functions host connects. */
const EVENT_HUB = 'DOWNLINK_EVENT_HUB';

interface EventHubSettings {
  readonly DOWNLINK_EVENT_HUB?: string | undefined;
  readonly DOWNLINK_EVENT_HUB__fullyQualifiedNamespace?: string | undefined;
  readonly DOWNLINK_EVENT_HUB_NAME?: string | undefined;
}

export interface Config {
  readonly iotHub: HubAccess & {
    readonly feedbackSource: 'amqp' | 'rest';
    readonly sendTimeoutMs: number;
  };
  readonly auth: 'key' | 'entra';
  /** Undefined if we were not told. */
  readonly hubSize: { readonly sku: HubSku; readonly units: number } | undefined;
  readonly storage: { readonly connectionString: string };
  /** Where receipts are read; undefined if they are not. */
  readonly eventHub:
    | {
        readonly connection: string;
        readonly eventHubName: string;
        readonly consumerGroup: string;
      }
    | undefined;
  readonly handOverMs: number;
  readonly feedbackTtlMs: number;
  readonly retentionMs: number;
}

/** Reads all settings at start. Throws an error that lists every fault, so that a bad deployment never serves. */
export function readConfig(settings: Readonly<Record<string, string | undefined>>): Config {
  const given = withoutEmpty(settings);
  const result = settingsSchema.safeParse(given);
  const faults = [
    ...accessFaults(given),
    ...eventHubFaults(given),
    ...authenticationFaults(given),
    ...(result.error?.issues ?? []).map(({ path, message }) => `${path.join('.')} ${message}`),
  ];
  if (!result.success || faults.length > 0) {
    const told = faults.map((fault) => `  ${fault}`).join('\n');
    throw new Error(`Downlink cannot start; its settings are not right:\n${told}`);
  }
  const values = result.data;
  const eventHubName = isEventHubSet(values) ? eventHubNameOf(values) : undefined;
  const handOverMs = values.DOWNLINK_HAND_OVER_SECONDS * 1000;
  return {
    iotHub: {
      ...hubAccess(values),
      feedbackSource: values.DOWNLINK_FEEDBACK_SOURCE,
      // Leaves the other half to record the outcome before anybody else may try.
      sendTimeoutMs: handOverMs / 2,
    },
    auth: values.DOWNLINK_AUTH,
    hubSize: values.DOWNLINK_HUB_SKU && {
      sku: values.DOWNLINK_HUB_SKU,
      units: values.DOWNLINK_HUB_UNITS,
    },
    storage: { connectionString: values.AzureWebJobsStorage },
    eventHub:
      eventHubName === undefined
        ? undefined
        : {
            connection: EVENT_HUB,
            eventHubName,
            consumerGroup: values.DOWNLINK_EVENT_HUB_CONSUMER_GROUP,
          },
    handOverMs,
    feedbackTtlMs: values.DOWNLINK_FEEDBACK_TTL_SECONDS * 1000,
    retentionMs: values.DOWNLINK_RETENTION_DAYS * 24 * 60 * 60_000,
  };
}

type RawSettings = Readonly<Record<string, string | undefined>>;
type Settings = z.output<typeof settingsSchema>;

/** The principal is in a header: where nobody guards it, anybody could write it. */
function authenticationFaults(settings: RawSettings): string[] {
  const isOn = settings['WEBSITE_AUTH_ENABLED']?.toLowerCase() === 'true';
  if (settings['DOWNLINK_AUTH'] !== 'entra' || isOn) return [];
  return [
    "DOWNLINK_AUTH is 'entra', but App Service authentication is off (WEBSITE_AUTH_ENABLED): nobody would check who calls",
  ];
}

/** One way in, and not two. */
function accessFaults(settings: RawSettings): string[] {
  const hasKey = settings[CONNECTION_STRING] !== undefined;
  const hasName = settings[HOST] !== undefined;
  if (hasKey && hasName) return [`${CONNECTION_STRING} and ${HOST} are both set; only one may be`];
  if (hasKey || hasName) return [];
  return [
    `${CONNECTION_STRING} is missing: the connection string of a hub policy with service connect and registry read; or, to use the app's identity, ${HOST}`,
  ];
}

function hubAccess(values: Settings): HubAccess {
  const { DOWNLINK_IOTHUB_CONNECTION_STRING: connectionString } = values;
  if (connectionString !== undefined) return { connectionString };
  const { DOWNLINK_IOTHUB_HOST_NAME: hostName = '', AZURE_CLIENT_ID: clientId } = values;
  return { identity: { hostName, clientId } };
}

/** A template cannot leave a setting out: it sets it to nothing. */
function withoutEmpty(settings: RawSettings): RawSettings {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== ''));
}

function wholeNumber(range: { min: number; max: number; otherwise: number }) {
  const message = `must be a whole number from ${range.min} to ${range.max}`;
  return z
    .string()
    .regex(/^\d{1,9}$/, message)
    .transform(Number)
    .refine((value) => value >= range.min && value <= range.max, message)
    .default(range.otherwise);
}

function eventHubFaults(values: EventHubSettings): string[] {
  if (!isEventHubSet(values) || eventHubNameOf(values) !== undefined) return [];
  return [
    'DOWNLINK_EVENT_HUB_NAME is missing: the event hub, which the connection string does not name',
  ];
}

function isEventHubSet(values: EventHubSettings): boolean {
  return (
    values.DOWNLINK_EVENT_HUB !== undefined ||
    values.DOWNLINK_EVENT_HUB__fullyQualifiedNamespace !== undefined
  );
}

/** What the connection string says goes first, as with the Functions host. */
function eventHubNameOf(values: EventHubSettings): string | undefined {
  const inConnectionString = /(?:^|;)EntityPath=([^;]+)/i.exec(
    values.DOWNLINK_EVENT_HUB ?? '',
  )?.[1];
  return inConnectionString ?? values.DOWNLINK_EVENT_HUB_NAME;
}
