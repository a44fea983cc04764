import { DownlinkError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';

interface Refusal {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly retryAfterSeconds?: number;
}

const SETTING = 'DOWNLINK_IOTHUB_CONNECTION_STRING';

/** What the hub may say no for, in our words. Whoever gets one knows that the hub did nothing. */
const REFUSALS = {
  deviceNotFound: {
    code: 'device-not-found',
    detail:
      'The hub knows no device of this id, or the device is disabled. Upper and lower case differ in device ids.',
  },
  deviceNotOnline: {
    code: 'device-not-online',
    detail:
      'The device was not connected within connectTimeoutSeconds, or it takes no methods. Call again when it is online, or send it a message.',
  },
  deviceQueueFull: {
    code: 'device-queue-full',
    detail:
      'The hub keeps 50 messages for a device, and as many wait. Send again when the device has taken some or they have expired, or purge its queue.',
  },
  messageTooLarge: {
    code: 'message-too-large',
    detail:
      'The hub takes messages of up to 64 KB, body and properties together. Send less, or a link from which the device fetches the rest.',
  },
  payloadTooLarge: {
    code: 'payload-too-large',
    detail: 'The hub takes payloads of up to 128 KB. Send less.',
  },
  throttled: {
    code: 'throttled',
    detail: 'The hub is asked for more than its units allow. Try again more slowly.',
    // The service SDK waits as long before it tries again.
    retryAfterSeconds: 10,
  },
  quotaExceeded: {
    code: 'quota-exceeded',
    detail:
      "The hub's messages for today are used up. It takes more from 00:00 UTC on, or with another unit.",
  },
  tooManyMethods: {
    code: 'in-flight-limit',
    detail: 'Too many methods are under way on this device. Call again when some have ended.',
  },
  invalid: {
    code: 'invalid-request',
    detail: 'The hub takes the request for invalid, though it passed our own checks.',
  },
  credentials: {
    code: 'hub-unavailable',
    detail: `The hub refused our credentials. With a key, check the setting ${SETTING}: its policy must exist, its key must be current, and it needs the permissions "service connect" and "registry read". With an identity, check its role on the hub.`,
  },
  hubNotFound: {
    code: 'hub-unavailable',
    detail: `There is no hub at the address we know. Check HostName in the setting ${SETTING}, or DOWNLINK_IOTHUB_HOST_NAME.`,
  },
  hubSuspended: {
    code: 'hub-unavailable',
    detail: "The hub is suspended. Check its state and its subscription's.",
  },
  tier: {
    code: 'hub-unavailable',
    detail: "The hub's tier does not offer this; messages and methods need Standard or Free.",
  },
} as const satisfies Record<string, Refusal>;

export type RefusalName = keyof typeof REFUSALS;

export function refusal(
  name: RefusalName,
  cause: unknown,
  retryAfterSeconds?: number,
): DownlinkError {
  const { code, detail, ...known }: Refusal = REFUSALS[name];
  const wait = retryAfterSeconds ?? known.retryAfterSeconds;
  return new DownlinkError(code, detail, {
    cause,
    ...(wait !== undefined && { retryAfterSeconds: wait }),
  });
}
