import type { IConnectPacket, IPublishPacket } from 'mqtt-packet';

import type { ErrorEffect } from '../faults/fault-effect.ts';
import { requestedFault } from '../faults/requested-fault.ts';
import { workUnderFault } from '../faults/work-under-fault.ts';
import { checkEventBytes, eventBytes, type NewDeviceEvent } from '../state/device-event.ts';
import { HubError } from '../state/hub-error.ts';
import type { DeviceChannel } from './device-channel.ts';
import { readDeviceEvent } from './device-event.ts';
import { ProtocolError } from './packet-reader.ts';
import { eventPropertyBag, parseDeviceTopic } from './topics.ts';
import type { DeviceTopic } from './topics.ts';

/** https://learn.microsoft.com/azure/iot/iot-mqtt-connect-to-iot-hub#using-the-mqtt-protocol-directly-as-a-device */
const WILL = ['iothub-MessageType', 'Will'] as const;

/** Throws ProtocolError and HubError for what the service answers by closing the connection. */
export function handlePublish(packet: IPublishPacket, channel: DeviceChannel): void {
  if (packet.qos === 2) {
    throw new ProtocolError('PUBLISH with QoS 2');
  }
  const topic = parseDeviceTopic(packet.topic, channel.deviceId);
  if (topic === undefined) {
    throw new ProtocolError('PUBLISH to an undocumented topic');
  }
  channel.state.registry.touch(channel.deviceId);
  const payload = Buffer.from(packet.payload);
  switch (topic.kind) {
    case 'event':
      handleEvent(topic.propertyBag, payload, packet, channel);
      return;
    case 'methodResponse':
      handleMethodResponse(topic, payload, channel);
      break;
    case 'twinRequest':
      channel.twin.handle(topic, payload);
      break;
  }
  acknowledge(packet, channel);
}

function acknowledge({ qos, messageId }: IPublishPacket, channel: DeviceChannel): void {
  if (qos === 1 && messageId !== undefined) channel.send({ cmd: 'puback', messageId });
}

function handleEvent(
  propertyBag: string,
  payload: Buffer,
  packet: IPublishPacket,
  channel: DeviceChannel,
): void {
  const runUnanswered = (): void =>
    takeEvent(withRetain(readDeviceEvent(propertyBag, payload), packet.retain), channel);
  const run = (): void => {
    runUnanswered();
    acknowledge(packet, channel);
  };
  const effect = channel.faults.take('device-event', channel.deviceId);
  if (!effect) {
    run();
    return;
  }
  // MQTT 3.1.1 has no other word for a refusal.
  const refuse = (error: ErrorEffect): void => channel.connection.closeWith(error);
  workUnderFault(effect, channel.connection, { run, runUnanswered, refuse });
}

function handleMethodResponse(
  { requestId, status }: Extract<DeviceTopic, { kind: 'methodResponse' }>,
  payload: Buffer,
  { state, faults, deviceId, connection, log }: DeviceChannel,
): void {
  const run = (): void => {
    const isAwaited = state.methods.respond(deviceId, requestId, status, payload);
    const what = isAwaited ? 'method answer' : 'method answer nobody waits for';
    log(what, { requestId, status }, () => ({ received: payload }));
  };
  const effect = faults.take('method-answer', deviceId);
  if (effect) workUnderFault(effect, connection, { run });
  else run();
}

function takeEvent(event: NewDeviceEvent, channel: DeviceChannel): void {
  const { throttles, events } = channel.state;
  const { deviceId, modelId, connection, faults } = channel;
  const bytes = eventBytes(event);
  checkEventBytes(bytes);
  faults.requested.checkEvents(deviceId);
  throttles.admit('deviceToCloudSends');
  throttles.meter([bytes]);
  const fault = requestedFault(event.properties);
  if (fault) {
    channel.log('fault requested', { type: fault.type });
    faults.requested.begin(deviceId, fault, ({ kind }) => {
      if (kind === 'drop') connection.drop();
      // The rest is about links and sessions, which MQTT does not have.
      else if (kind === 'hangUp') connection.closeWith({ description: fault.reason });
    });
    return;
  }
  events.append({ entityId: deviceId, ...(modelId !== undefined && { modelId }) }, event);
  channel.log('event', { bytes }, () => ({ received: event.body }));
}

/** What a device left with its CONNECT for the case that it goes without DISCONNECT. */
export function publishWill(
  { topic, payload }: NonNullable<IConnectPacket['will']>,
  channel: DeviceChannel,
): void {
  const bag = eventPropertyBag(topic, channel.deviceId);
  if (bag === undefined) return;
  try {
    takeEvent(withProperty(readDeviceEvent(bag, Buffer.from(payload)), ...WILL), channel);
  } catch (error) {
    // Nobody is there any more to be told.
    if (!(error instanceof HubError)) throw error;
    channel.log('will refused', { code: error.code });
  }
}

/** The hub keeps no message for others, but says that it was asked to. */
function withRetain(event: NewDeviceEvent, isRetained: boolean | undefined): NewDeviceEvent {
  return isRetained === true ? withProperty(event, 'mqtt-retain', 'true') : event;
}

function withProperty(event: NewDeviceEvent, name: string, value: string): NewDeviceEvent {
  return { ...event, properties: { ...event.properties, [name]: value } };
}
