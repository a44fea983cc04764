import type { Packet } from 'mqtt-packet';

import type { DeviceFaults } from '../faults/device-faults.ts';
import type { ConnectionFault } from '../faults/requested-fault.ts';
import type { HubState } from '../state/hub-state.ts';
import type { LogDetail } from './log-detail.ts';
import { MessageDelivery } from './message-delivery.ts';
import { MethodRequests } from './method-requests.ts';
import { TwinRequests } from './twin-requests.ts';
import type { Session } from './sessions.ts';

export interface DeviceChannelOptions {
  readonly deviceId: string;
  readonly state: HubState;
  readonly session: Session;
  readonly requestedFaults: DeviceFaults;
  /** Lets the connection feel a fault that the device asked for. */
  readonly strike: (fault: ConnectionFault) => void;
  /** False when the device has not read what it was sent before. */
  readonly send: (packet: Packet) => boolean;
  readonly unreadBytes: () => number;
  readonly log: (event: string, detail?: LogDetail) => void;
}

/** An admitted device on its connection, as the handlers of its packets see it. */
export interface DeviceChannel extends Omit<DeviceChannelOptions, 'unreadBytes'> {
  readonly messages: MessageDelivery;
  readonly methods: MethodRequests;
  readonly twin: TwinRequests;
  close(): void;
}

export function openDeviceChannel(options: DeviceChannelOptions): DeviceChannel {
  const { deviceId, session, state, send, unreadBytes } = options;
  const log = (event: string, detail?: LogDetail): void =>
    options.log(event, { deviceId, ...detail });
  const messages = new MessageDelivery({
    deviceId,
    session,
    queues: state.cloudToDevice,
    defaultTtlMs: state.settings.cloudToDevice.defaultTtlMs,
    send,
    log,
  });
  const methods = new MethodRequests({ deviceId, methods: state.methods, send, unreadBytes, log });
  const twin = new TwinRequests({ deviceId, state, session, send, unreadBytes, log });

  function close(): void {
    methods.stop();
    twin.stop();
    messages.stop();
  }

  const { requestedFaults, strike } = options;
  return {
    deviceId,
    session,
    state,
    requestedFaults,
    strike,
    send,
    log,
    messages,
    methods,
    twin,
    close,
  };
}
