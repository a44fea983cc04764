/**
 * What IoT Hub allows in a device id.
 * https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-identity-registry
 */
export const DEVICE_ID = /^[A-Za-z0-9\-:.+%_#*?!(),=@;$']{1,128}$/;

export interface Device {
  readonly deviceId: string;
  readonly status: 'enabled' | 'disabled';
  /** As the hub sees it; it may lag by minutes and is never a reason not to send. */
  readonly connectionState: 'connected' | 'disconnected';
  readonly lastActivityAt?: number;
  /** Messages that wait in the device's queue at the hub. */
  readonly queuedMessages: number;
}

export interface DeviceDirectory {
  /** Rejects with `device-not-found`, `throttled`, `hub-unavailable`. */
  get(deviceId: string): Promise<Device>;
  /** A page in the hub's order. Rejects with `invalid-request` for a bad token, `throttled`, `hub-unavailable`. */
  list(page: {
    limit: number;
    continuationToken?: string;
  }): Promise<{ items: Device[]; continuationToken?: string }>;
}

export interface HubProbe {
  /** Settles when the hub answered; rejects with `hub-unavailable`. */
  check(): Promise<void>;
}
