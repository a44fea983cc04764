import type { ErrorTexts } from '../faults/fault-effect.ts';
import type { HubError, HubErrorKind } from '../state/hub-error.ts';

/** AMQP 1.0 §2.8.14 */
export interface AmqpError {
  readonly condition: string;
  readonly description: string;
  readonly info?: Readonly<Record<string, string | number>>;
}

/**
 * As the service SDKs read them back, and as the service's own edge gateway writes them.
 * Those that no SDK tells apart come as the mapper's default, amqp:internal-error.
 */
const CONDITIONS: Readonly<Record<HubErrorKind, string>> = {
  argumentInvalid: 'com.microsoft:argument-error',
  unauthorized: 'amqp:unauthorized-access',
  principalUnauthorized: 'amqp:unauthorized-access',
  tokenExpired: 'amqp:unauthorized-access',
  quotaExceeded: 'com.microsoft:quota-exceeded',
  deviceMaximumQueueDepthExceeded: 'amqp:resource-limit-exceeded',
  // Not verified against the service.
  invalidExpiry: 'com.microsoft:argument-out-of-range',
  // Not verified against the service.
  notAllowedInTier: 'amqp:not-allowed',
  maximumInflightMethods: 'amqp:resource-limit-exceeded',
  notFound: 'amqp:not-found',
  deviceNotFound: 'amqp:not-found',
  moduleNotFound: 'amqp:not-found',
  deviceNotOnline: 'amqp:not-found',
  methodNotAllowed: 'amqp:not-allowed',
  deviceAlreadyExists: 'com.microsoft:device-already-exists',
  moduleAlreadyExists: 'com.microsoft:device-already-exists',
  preconditionFailed: 'com.microsoft:precondition-failed',
  deviceMessageLockLost: 'com.microsoft:message-lock-lost',
  requestTooLarge: 'amqp:link:message-size-exceeded',
  messageTooLarge: 'amqp:link:message-size-exceeded',
  tooManyModules: 'amqp:resource-limit-exceeded',
  throttled: 'com.microsoft:device-container-throttled',
  serverError: 'amqp:internal-error',
  badDeviceResponse: 'amqp:internal-error',
  serviceUnavailable: 'com.microsoft:timeout',
  gatewayTimeout: 'com.microsoft:timeout',
};

export function toAmqpError(error: HubError): AmqpError {
  return {
    condition: CONDITIONS[error.kind],
    description: `ErrorCode:${error.errorName};${error.message}`,
  };
}

/** The error of a planned fault. */
export function faultError(
  { condition, description }: ErrorTexts,
  defaultCondition = 'amqp:internal-error',
): AmqpError {
  return {
    condition: condition ?? defaultCondition,
    description: description ?? 'ErrorCode:ServerError;A planned fault',
  };
}
