import type { IPublishPacket } from 'mqtt-packet';

import { requestedFault } from '../faults/requested-fault.ts';
import { checkEventBytes, eventBytes, type NewDeviceEvent } from '../state/device-event.ts';
import type { DeviceChannel } from './device-channel.ts';
import { readDeviceEvent } from './device-event.ts';
import { ProtocolError } from './packet-reader.ts';
import { parseDeviceTopic } from './topics.ts';
import type { DeviceTopic } from './topics.ts';

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
  take(topic, packet, channel);
  if (packet.qos === 1 && packet.messageId !== undefined) {
    channel.send({ cmd: 'puback', messageId: packet.messageId });
  }
}

function take(topic: DeviceTopic, packet: IPublishPacket, channel: DeviceChannel): void {
  const payload = Buffer.from(packet.payload);
  switch (topic.kind) {
    case 'event':
      takeEvent(withRetain(readDeviceEvent(topic.propertyBag, payload), packet.retain), channel);
      break;
    case 'methodResponse': {
      const { requestId, status } = topic;
      const isAwaited = channel.state.methods.respond(channel.deviceId, requestId, status, payload);
      channel.log(isAwaited ? 'method answer' : 'method answer nobody waits for', {
        requestId,
        status,
      });
      break;
    }
    case 'twinRequest':
      channel.twin.handle(topic, payload);
      break;
  }
}

function takeEvent(event: NewDeviceEvent, channel: DeviceChannel): void {
  const { throttles, events } = channel.state;
  const { deviceId, requestedFaults } = channel;
  const bytes = eventBytes(event);
  checkEventBytes(bytes);
  requestedFaults.checkEvents(deviceId);
  throttles.admit('deviceToCloudSends');
  throttles.meter([bytes]);
  const fault = requestedFault(event.properties);
  if (fault) {
    channel.log('fault requested', { type: fault.type });
    requestedFaults.begin(deviceId, fault, channel.strike);
    return;
  }
  events.append({ entityId: deviceId }, event);
  channel.log('event', { bytes });
}

/** The hub keeps no message for others, but says that it was asked to. */
function withRetain(event: NewDeviceEvent, isRetained: boolean | undefined): NewDeviceEvent {
  if (isRetained !== true) return event;
  return { ...event, properties: { ...event.properties, 'mqtt-retain': 'true' } };
}
