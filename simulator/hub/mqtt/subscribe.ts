import type { ISubscribePacket, IUnsubscribePacket } from 'mqtt-packet';

import { workUnderFault } from '../faults/work-under-fault.ts';
import type { DeviceChannel } from './device-channel.ts';
import type { Subscription } from './sessions.ts';
import { parseTopicFilter } from './topics.ts';
import type { SubscriptionKind } from './topics.ts';

const FAILURE = 0x80;

export function handleSubscribe(packet: ISubscribePacket, channel: DeviceChannel): void {
  const answer = (granted: number[]): void => {
    channel.send({ cmd: 'suback', messageId: packet.messageId ?? 0, granted });
  };
  const subscribeAll = (): number[] =>
    packet.subscriptions.map(({ topic, qos }) => subscribe(topic, qos, channel));
  const run = (): void => {
    answer(subscribeAll());
    startDeliveries(channel);
  };
  const effect = channel.faults.take('mqtt-subscribe', channel.deviceId);
  if (!effect) {
    run();
    return;
  }
  workUnderFault(effect, channel.connection, {
    run,
    runUnanswered: () => {
      subscribeAll();
      startDeliveries(channel);
    },
    refuse: () => answer(packet.subscriptions.map(() => FAILURE)),
  });
}

export function handleUnsubscribe(packet: IUnsubscribePacket, channel: DeviceChannel): void {
  for (const filter of packet.unsubscriptions) {
    const kind = parseTopicFilter(filter, channel.deviceId)?.kind;
    if (kind !== undefined) {
      channel.session.subscriptions.delete(kind);
      channel.log('unsubscribe', { kind });
      STOP[kind]?.(channel);
    }
  }
  channel.send({ cmd: 'unsuback', messageId: packet.messageId ?? 0, granted: [] }); // [MQTT-3.10.4-5]
}

/** For what the device has subscribed to, on this connection or on an earlier one. */
export function startDeliveries(channel: DeviceChannel): void {
  for (const [kind, subscription] of channel.session.subscriptions) {
    START[kind]?.(channel, subscription);
  }
}

const START: Partial<
  Record<SubscriptionKind, (channel: DeviceChannel, subscription: Subscription) => void>
> = {
  cloudToDevice: (channel, subscription) => channel.messages.subscribe(subscription),
  methods: (channel) => channel.methods.start(),
  twinDesiredProperties: (channel) => channel.twin.start(),
};
const STOP: Partial<Record<SubscriptionKind, (channel: DeviceChannel) => void>> = {
  cloudToDevice: (channel) => channel.messages.unsubscribe(),
  methods: (channel) => channel.methods.stop(),
  twinDesiredProperties: (channel) => channel.twin.stop(),
};

function subscribe(filter: string, requestedQos: number, channel: DeviceChannel): number {
  const topicFilter = parseTopicFilter(filter, channel.deviceId);
  if (topicFilter === undefined) {
    channel.log('subscription refused');
    return FAILURE;
  }
  const qos = requestedQos === 0 ? 0 : 1;
  const { kind, deviceSegment } = topicFilter;
  channel.session.subscriptions.set(kind, { qos, deviceSegment });
  channel.log('subscribe', { kind, qos });
  return qos;
}
