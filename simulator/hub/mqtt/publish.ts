import type { IPublishPacket } from 'mqtt-packet';

import { MAX_EVENT_BYTES } from '../state/limits.ts';
import type { DeviceChannel } from './device-channel.ts';
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
  const payload = Buffer.from(packet.payload);
  if (payload.length > MAX_EVENT_BYTES) {
    throw new ProtocolError(`PUBLISH of more than ${MAX_EVENT_BYTES} bytes`);
  }
  channel.state.registry.touch(channel.deviceId);
  take(topic, payload, channel);
  if (packet.qos === 1 && packet.messageId !== undefined) {
    channel.send({ cmd: 'puback', messageId: packet.messageId });
  }
}

function take(topic: DeviceTopic, payload: Buffer, channel: DeviceChannel): void {
  switch (topic.kind) {
    case 'event':
      channel.state.throttles.admit('deviceToCloudSends');
      channel.state.throttles.meter([payload.length]);
      // Coarser than the cloud: taken and acknowledged, not routed to any endpoint yet.
      channel.log('event', { bytes: payload.length });
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
