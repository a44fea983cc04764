import type { Packet } from 'mqtt-packet';

import type { FaultPlan } from '../faults/fault-plan.ts';
import type { FaultyConnection } from '../faults/work-under-fault.ts';
import type { HubState } from '../state/hub-state.ts';
import type { Payloads } from '../wire-log.ts';
import type { LogDetail } from './log-detail.ts';
import { MessageDelivery } from './message-delivery.ts';
import { MethodRequests } from './method-requests.ts';
import { TwinRequests } from './twin-requests.ts';
import type { Session } from './sessions.ts';

export interface DeviceChannelOptions {
  readonly deviceId: string;
  /** Announced when it connected. */
  readonly modelId?: string;
  readonly state: HubState;
  readonly session: Session;
  readonly faults: FaultPlan;
  readonly connection: FaultyConnection;
  /** False when the device has not read what it was sent before. */
  readonly send: (packet: Packet) => boolean;
  readonly unreadBytes: () => number;
  readonly log: (event: string, detail?: LogDetail, payloads?: () => Payloads) => void;
}

/** An admitted device on its connection, as the handlers of its packets see it. */
export interface DeviceChannel extends Omit<DeviceChannelOptions, 'unreadBytes'> {
  readonly messages: MessageDelivery;
  readonly methods: MethodRequests;
  readonly twin: TwinRequests;
  close(): void;
}

export function openDeviceChannel(options: DeviceChannelOptions): DeviceChannel {
  const { deviceId, session, state, faults, connection, send, unreadBytes } = options;
  const underFaults = { faults, connection };
  const log: DeviceChannelOptions['log'] = (event, detail, payloads) =>
    options.log(event, { deviceId, ...detail }, payloads);
  const messages = new MessageDelivery({
    deviceId,
    session,
    queues: state.cloudToDevice,
    defaultTtlMs: state.settings.cloudToDevice.defaultTtlMs,
    send,
    log,
    ...underFaults,
  });
  const shared = { deviceId, send, unreadBytes, log, ...underFaults };
  const methods = new MethodRequests({ ...shared, methods: state.methods });
  const twin = new TwinRequests({ ...shared, state, session });

  function close(): void {
    methods.stop();
    twin.stop();
    messages.stop();
  }

  return {
    deviceId,
    ...(options.modelId !== undefined && { modelId: options.modelId }),
    session,
    state,
    faults,
    connection,
    send,
    log,
    messages,
    methods,
    twin,
    close,
  };
}
