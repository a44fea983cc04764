/**
 * Bounds of a direct method's waits, in seconds.
 * https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-direct-methods
 */
export const RESPONSE_TIMEOUT_SECONDS = { min: 5, max: 300, default: 30 } as const;
export const CONNECT_TIMEOUT_SECONDS = { min: 0, max: 300, default: 0 } as const;

/** Largest payload of a request or of an answer. */
export const MAX_METHOD_PAYLOAD_BYTES = 128 * 1024;

export interface MethodCall {
  readonly deviceId: string;
  readonly methodName: string;
  /** Any JSON value. */
  readonly payload: unknown;
  readonly responseTimeoutSeconds: number;
  readonly connectTimeoutSeconds: number;
}

export interface MethodResult {
  /** The device's own result code, whatever it is. */
  readonly status: number;
  readonly payload: unknown;
}

export interface MethodInvoker {
  /**
   * Calls a method on a device, once: nothing is repeated, since a repeat may run it twice.
   *
   * Rejects with a DownlinkError: `device-not-found`, `device-not-online`, `device-timeout`,
   * `device-disconnected`, `bad-device-response`, `payload-too-large`, `in-flight-limit`, `throttled`, `quota-exceeded`,
   * `hub-unavailable` (nothing was called), `hub-outcome-unknown` (it may have run).
   */
  invoke(call: MethodCall): Promise<MethodResult>;
}
