import type { Message } from 'rhea';
import { requestedFault, type RequestedFault } from '../faults/requested-fault.ts';
import { workUnderFault } from '../faults/work-under-fault.ts';
import { checkEventBytes, eventBytes } from '../state/device-event.ts';
import { HubError } from '../state/hub-error.ts';
import { faultError, toAmqpError, type AmqpError } from './amqp-error.ts';
import { identityAddress, identityIn } from './device-address.ts';
import { readDeviceEvents } from './device-event-message.ts';
import type { DeviceLinks } from './device-links.ts';
import type { HubContext } from './hub-context.ts';
import { LINK_CREDIT } from './limits.ts';
import type { LinkContext, ReceivingHandler, ReceivingRoute } from './link-route.ts';
import type { RheaDelivery } from './rhea-internals.ts';
import { strike } from './strike.ts';

/** Where a device sends its telemetry. */
export function deviceEvents(hub: HubContext, devices: DeviceLinks): ReceivingRoute {
  const { authenticator, state } = hub;
  return {
    role: 'receiver',
    address: identityAddress('/messages/events'),
    credit: LINK_CREDIT,
    authorize(token, match) {
      authenticator.device(token, identityIn(match, state.registry));
    },
    open: (_receiver, context) =>
      new DeviceEvents(hub, devices, identityIn(context.match, state.registry), context),
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
    const effect = this.#hub.faults.take('device-event', this.#deviceId);
    if (!effect) {
      this.#answer(delivery, this.#take(message));
      return;
    }
    workUnderFault(effect, this.#context.peer, {
      run: () => this.#answer(delivery, this.#take(message)),
      runUnanswered: () => {
        this.#take(message);
        delivery.settled = true;
      },
      // rhea keeps what is not settled, in a ring that would fill up.
      skip: () => {
        delivery.settled = true;
      },
      refuse: (error) => this.#answer(delivery, faultError(error)),
    });
  }

  close(): void {
    this.#leave();
  }

  #take(message: Message | Buffer): AmqpError | undefined {
    const { events, throttles } = this.#hub.state;
    try {
      this.#hub.faults.requested.checkEvents(this.#deviceId);
      throttles.admit('deviceToCloudSends');
      const sent = readDeviceEvents(message);
      const bytes = sent.reduce((total, event) => total + eventBytes(event), 0);
      checkEventBytes(bytes);
      throttles.meter([bytes]);
      const fault = sent[0] && requestedFault(sent[0].properties);
      if (fault) this.#beginFault(fault);
      else for (const event of sent) events.append({ entityId: this.#deviceId }, event);
      this.#context.peer.log('event', { deviceId: this.#deviceId, count: sent.length, bytes });
      return undefined;
    } catch (error) {
      if (error instanceof HubError) return toAmqpError(error);
      throw error;
    }
  }

  #answer(delivery: RheaDelivery, error: AmqpError | undefined): void {
    if (!error) {
      delivery.accept();
      return;
    }
    delivery.reject(error);
    const { condition } = error;
    this.#context.peer.log('event refused', { deviceId: this.#deviceId, condition });
  }

  #beginFault(fault: RequestedFault): void {
    const { peer } = this.#context;
    peer.log('fault requested', { deviceId: this.#deviceId, type: fault.type });
    this.#hub.faults.requested.begin(this.#deviceId, fault, (connectionFault) =>
      peer.soon(() => strike(connectionFault, fault.reason, this.#context)),
    );
  }
}
