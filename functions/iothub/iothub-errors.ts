import { DownlinkError } from '../errors.ts';
import type { HubResponse } from './hub-rest.ts';
import { HubRequestError } from './hub-rest.ts';
import { readHubErrorCode } from './hub-error-code.ts';
import { refusal } from './refusals.ts';
import type { RefusalName } from './refusals.ts';
import { TimedOut } from './within.ts';

/*
 * The one place where what the hub and its SDK say becomes an error of ours. The question is always the same:
 * is it certain that the hub did nothing? Then the caller may repeat; otherwise the caller is told of the doubt.
 *
 * A message, handed over on a link that is attached:
 *
 * | what happened                                        | certain | because                                          |
 * |------------------------------------------------------|---------|--------------------------------------------------|
 * | rejected with a condition of MESSAGE_REFUSALS        | yes     | the hub names the rule that the message broke    |
 * | released, modified, rejected without an error        | yes     | AMQP 1.0 §3.4: was not and will not be acted on  |
 * | rejected with amqp:internal-error                    | no      | the hub failed at some point, maybe after it took|
 * | rejected with com.microsoft:timeout                  | no      | a part of the hub waited in vain for another     |
 * | rejected with a condition that is not in the table   | no      | nothing is known about it                        |
 * | link detached (amqp:link:detach-forced or any other) | no      | the transfer may have been read before           |
 * | connection closed or lost                            | no      | the same                                         |
 * | no disposition within our bound                      | no      | the same                                         |
 *
 * Before that (connecting, authorizing, attaching) nothing has been handed over: certain, whatever happened.
 *
 * A method call over HTTPS: 4xx is certain. 5xx is not, except 502 and 504 with the hub's own code, which say
 * what came of it. Nothing sent (no connection, no TLS): certain. Sent and no answer: not.
 */

/** AMQP conditions of a rejected message that prove that it was not taken. */
const MESSAGE_REFUSALS = refusals({
  'amqp:not-found': 'deviceNotFound',
  'amqp:resource-limit-exceeded': 'deviceQueueFull',
  'amqp:link:message-size-exceeded': 'messageTooLarge',
  'amqp:unauthorized-access': 'credentials',
  'amqp:not-allowed': 'invalid',
  'amqp:not-implemented': 'invalid',
  'amqp:decode-error': 'invalid',
  'amqp:invalid-field': 'invalid',
  'com.microsoft:argument-error': 'invalid',
  'com.microsoft:argument-out-of-range': 'invalid',
  'com.microsoft:precondition-failed': 'invalid',
  'com.microsoft:device-container-throttled': 'throttled',
  'com.microsoft:server-busy': 'throttled',
  'com.microsoft:quota-exceeded': 'quotaExceeded',
  'com.microsoft:iot-hub-suspended': 'hubSuspended',
  'com.microsoft:iot-hub-not-found-error': 'hubNotFound',
});

/** The same conditions mean something else while connecting: there is no device yet. */
const CONNECTION_REFUSALS = refusals({
  'amqp:unauthorized-access': 'credentials',
  'amqp:not-found': 'hubNotFound',
  'amqp:resource-limit-exceeded': 'throttled',
  'com.microsoft:device-container-throttled': 'throttled',
  'com.microsoft:server-busy': 'throttled',
  'com.microsoft:quota-exceeded': 'quotaExceeded',
  'com.microsoft:iot-hub-suspended': 'hubSuspended',
  'com.microsoft:iot-hub-not-found-error': 'hubNotFound',
});

/** The hub's own codes, by number and by name. https://learn.microsoft.com/rest/api/iothub/common-error-codes */
const REST_REFUSALS = refusals({
  ...both(401001, 'IotHubNotFound', 'hubNotFound'),
  ...both(403001, 'IotHubSuspended', 'hubSuspended'),
  ...both(403002, 'IotHubQuotaExceeded', 'quotaExceeded'),
  ...both(403004, 'DeviceMaximumQueueDepthExceeded', 'deviceQueueFull'),
  ...both(403007, 'DeviceMaximumQueueSizeExceeded', 'deviceQueueFull'),
  ...both(403010, 'OperationNotAvailableInCurrentTier', 'tier'),
  ...both(403012, 'DeviceDisabled', 'deviceNotFound'),
  ...both(403800, 'DeviceMaximumInflightMethodExceeded', 'tooManyMethods'),
  ...both(404001, 'DeviceNotFound', 'deviceNotFound'),
  ...both(404103, 'DeviceNotOnline', 'deviceNotOnline'),
});

const STATUS_REFUSALS = refusals({
  400: 'invalid',
  401: 'credentials',
  403: 'credentials',
  413: 'payloadTooLarge',
  429: 'throttled',
});

/** Why no message could be handed over: connecting, authorizing or attaching failed. */
export function connectionError(error: unknown): DownlinkError {
  if (error instanceof DownlinkError) return error;
  const condition = isUnauthorized(error) ? 'amqp:unauthorized-access' : conditionOf(error);
  const name = CONNECTION_REFUSALS.get(condition ?? '');
  return name ? refusal(name, error) : unavailable(error);
}

/** What a failed send says about a message that was handed over. */
export function sendError(error: unknown): DownlinkError {
  if (error instanceof DownlinkError) return error;
  const name = MESSAGE_REFUSALS.get(conditionOf(error) ?? '');
  if (name) return refusal(name, error);
  return new DownlinkError(
    'hub-outcome-unknown',
    'The message was handed to the hub, and the hub did not say whether it took it. Its feedback will tell if it did.',
    { cause: error },
  );
}

/** The hub said that it did not take the message, and not why (AMQP 1.0 §3.4). */
export function notAcceptedError(): DownlinkError {
  return new DownlinkError(
    'hub-unavailable',
    'The hub handed the message back without a reason. Send it again.',
  );
}

/** What an answer other than success says about a call of a method. */
export function methodResponseError(response: HubResponse): DownlinkError {
  const code = readHubErrorCode(response);
  const options = { cause: answered(response) };
  if (code === '404104' || code === 'DeviceConnectionClosedRemotely') {
    return new DownlinkError(
      'device-disconnected',
      'The device disconnected during the call. The method may have run.',
      options,
    );
  }
  if (response.status === 408 || code === '504101' || code === 'GatewayTimeout') {
    return new DownlinkError(
      'device-timeout',
      'The device is connected and did not answer within responseTimeoutSeconds. The method may have run.',
      options,
    );
  }
  if (response.status === 502) {
    return new DownlinkError(
      'bad-device-response',
      'The hub could not read what the device answered. The method has run.',
      options,
    );
  }
  return response.status >= 500 ? unknownCall(options.cause) : responseError(response);
}

/** Why a call of a method brought no answer at all. */
export function methodRequestError(error: unknown): DownlinkError {
  return error instanceof HubRequestError && error.sent ? unknownCall(error) : requestError(error);
}

/** What an answer other than success says about a request that may be repeated. */
export function responseError(response: HubResponse): DownlinkError {
  const cause = answered(response);
  const code = readHubErrorCode(response);
  const name = REST_REFUSALS.get(code ?? '') ?? STATUS_REFUSALS.get(String(response.status));
  if (name) return refusal(name, cause, retryAfterSeconds(response));
  return new DownlinkError('hub-unavailable', 'The hub did not answer as it should. Try again.', {
    cause,
  });
}

export function requestError(error: unknown): DownlinkError {
  return error instanceof DownlinkError ? error : unavailable(error);
}

function unavailable(error: unknown): DownlinkError {
  const detail =
    error instanceof TimedOut
      ? 'The hub did not answer in time.'
      : 'The hub cannot be reached, or broke the connection off.';
  return new DownlinkError('hub-unavailable', `${detail} Try again.`, { cause: error });
}

function unknownCall(cause: unknown): DownlinkError {
  return new DownlinkError(
    'hub-outcome-unknown',
    'The call went to the hub, and the hub did not say what became of it. The method may have run.',
    { cause },
  );
}

/** For the log; the body holds the hub's words, never ours or the caller's. */
function answered(response: HubResponse): Error {
  return new Error(`The hub answered ${response.status}: ${response.body.slice(0, 500)}`);
}

function retryAfterSeconds(response: HubResponse): number | undefined {
  const header = response.headers['retry-after'];
  return header !== undefined && /^\d{1,5}$/.test(header) ? Number(header) : undefined;
}

/** What the hub says is looked up here: it must not meet what every object has. */
function refusals(rows: Readonly<Record<string, RefusalName>>): ReadonlyMap<string, RefusalName> {
  return new Map(Object.entries(rows));
}

function both(number: number, name: string, meaning: RefusalName): Record<string, RefusalName> {
  return { [number]: meaning, [name]: meaning };
}

/** The SDK wraps what the hub said, sometimes twice. */
function* chainOf(error: unknown): Generator<object> {
  let each = error;
  for (let depth = 0; depth < 5 && typeof each === 'object' && each !== null; depth++) {
    yield each;
    each = 'amqpError' in each ? each.amqpError : 'cause' in each ? each.cause : undefined;
  }
}

function conditionOf(error: unknown): string | undefined {
  for (const each of chainOf(error)) {
    if ('condition' in each && typeof each.condition === 'string') return each.condition;
  }
  return undefined;
}

/** The SDK's word for every answer to a token that is not 200. */
function isUnauthorized(error: unknown): boolean {
  return [...chainOf(error)].some((each) => 'name' in each && each.name === 'UnauthorizedError');
}
