import type { Message } from 'rhea';
import { HubError } from '../state/hub-error.ts';
import { MAX_EVENT_BYTES } from '../state/limits.ts';
import { toAmqpError } from './amqp-error.ts';
import { deviceIdIn } from './device-address.ts';
import type { DeviceLinks } from './device-links.ts';
import type { HubContext } from './hub-context.ts';
import { LINK_CREDIT } from './limits.ts';
import type { LinkContext, ReceivingHandler, ReceivingRoute } from './link-route.ts';
import { readBody } from './message-sections.ts';
import type { RheaDelivery } from './rhea-internals.ts';

/** Where a device sends its telemetry. */
export function deviceEvents(hub: HubContext, devices: DeviceLinks): ReceivingRoute {
  const { authenticator, state } = hub;
  return {
    role: 'receiver',
    address: /^\/devices\/([^/]+)\/messages\/events$/i,
    credit: LINK_CREDIT,
    authorize(token, match) {
      authenticator.device(token, deviceIdIn(match, state.registry));
    },
    open: (_receiver, context) =>
      new DeviceEvents(hub, devices, deviceIdIn(context.match, state.registry), context),
  };
}

class DeviceEvents implements ReceivingHandler {
  readonly #hub: HubContext;
  readonly #deviceId: string;
  readonly #context: LinkContext;
  readonly #leave: () => void;

  constructor(hub: HubContext, devices: DeviceLinks, deviceId: string, context: LinkContext) {
    this.#hub = hub;
    this.#deviceId = deviceId;
    this.#context = context;
    this.#leave = devices.add(deviceId, context);
  }

  onMessage(message: Message | Buffer, delivery: RheaDelivery): void {
    this.#hub.state.registry.touch(this.#deviceId);
    const { throttles } = this.#hub.state;
    try {
      throttles.admit('deviceToCloudSends');
      const bytes = sizeOf(message);
      throttles.meter([bytes]);
      // Coarser than the cloud: taken and acknowledged, not routed to any endpoint yet.
      delivery.accept();
      this.#context.peer.log('event', { deviceId: this.#deviceId, bytes });
    } catch (error) {
      if (!(error instanceof HubError)) throw error;
      const refusal = toAmqpError(error);
      delivery.reject(refusal);
      const { condition } = refusal;
      this.#context.peer.log('event refused', { deviceId: this.#deviceId, condition });
    }
  }

  close(): void {
    this.#leave();
  }
}

/** Of a format that rhea does not know are the batches of some SDKs. */
function sizeOf(message: Message | Buffer): number {
  const { length } = Buffer.isBuffer(message) ? message : readBody(message.body);
  if (length <= MAX_EVENT_BYTES) return length;
  throw new HubError(
    'messageTooLarge',
    `The event has ${length} bytes; at most ${MAX_EVENT_BYTES} are allowed`,
  );
}
