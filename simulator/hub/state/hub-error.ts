/**
 * The service's errors, one row each.
 * https://learn.microsoft.com/azure/iot-hub/troubleshoot-error-codes
 */
export const HUB_ERRORS = {
  argumentInvalid: row(400004, 'ArgumentInvalid', 'An argument is not valid'),
  unauthorized: row(401002, 'IotHubUnauthorizedAccess', 'Unauthorized'),
  principalUnauthorized: row(401002, 'IotHubUnauthorized', 'The principal has no permission'),
  tokenExpired: row(401003, 'IotHubUnauthorized', 'The token has expired'),
  quotaExceeded: row(403002, 'IotHubQuotaExceeded', 'The daily message quota is used up'),
  deviceMaximumQueueDepthExceeded: row(
    403004,
    'DeviceMaximumQueueDepthExceeded',
    'The queue of the device is full',
  ),
  invalidExpiry: row(403009, 'InvalidMessageExpiryTime', 'The message expiry time is not valid'),
  // The service documents no name for this one.
  notAllowedInTier: row(
    403010,
    'OperationNotAllowedInCurrentTier',
    'The tier of the hub does not have this',
  ),
  maximumInflightMethods: row(
    403800,
    'DeviceMaximumInflightMethodExceeded',
    'Too many methods of the device are in flight',
  ),
  notFound: row(404000, 'GenericNotFound', 'There is no such resource'),
  deviceNotFound: row(404001, 'DeviceNotFound', 'The device is not registered or is disabled'),
  moduleNotFound: row(404010, 'ModuleNotFound', 'The module is not registered'),
  deviceNotOnline: row(404103, 'DeviceNotOnline', 'The device is not online'),
  methodNotAllowed: row(405000, 'GenericMethodNotAllowed', 'The HTTP method is not allowed here'),
  deviceAlreadyExists: row(409001, 'DeviceAlreadyExists', 'The device is registered already'),
  moduleAlreadyExists: row(
    409301,
    'ModuleAlreadyExistsOnDevice',
    'The module is registered already',
  ),
  preconditionFailed: row(412001, 'PreconditionFailed', 'The ETag is not the current one'),
  deviceMessageLockLost: row(412002, 'DeviceMessageLockLost', 'The lock of the message is lost'),
  requestTooLarge: row(413000, 'GenericRequestEntityTooLarge', 'The request is too large'),
  messageTooLarge: row(413001, 'MessageTooLarge', 'The message is too large'),
  tooManyModules: row(413003, 'TooManyModulesOnDevice', 'The device has too many modules'),
  throttled: row(429001, 'ThrottlingException', 'Too many requests'),
  serverError: row(500001, 'ServerError', 'The hub met an error of its own'),
  // The service documents no code for this one: the SDKs know it by its HTTP status alone.
  badDeviceResponse: row(502000, 'BadDeviceResponse', 'The answer of the device is not valid'),
  serviceUnavailable: row(503001, 'ServiceUnavailable', 'The hub is not available'),
  gatewayTimeout: row(504101, 'GatewayTimeout', 'The device did not answer in time'),
} as const;

export type HubErrorKind = keyof typeof HUB_ERRORS;

export class HubError extends Error {
  readonly kind: HubErrorKind;
  /** The service's number, such as 404001. */
  readonly code: number;
  readonly errorName: string;
  readonly httpStatus: number;

  constructor(kind: HubErrorKind, message?: string) {
    super(message ?? HUB_ERRORS[kind].message);
    this.name = 'HubError';
    this.kind = kind;
    this.code = HUB_ERRORS[kind].code;
    this.errorName = HUB_ERRORS[kind].name;
    this.httpStatus = HUB_ERRORS[kind].httpStatus;
  }
}

function row(code: number, name: string, message: string) {
  return { code, name, message, httpStatus: Math.trunc(code / 1000) };
}
