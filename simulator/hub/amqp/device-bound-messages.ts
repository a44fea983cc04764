import type { Message } from 'rhea';
import { HubError } from '../state/hub-error.ts';
import { faultError, toAmqpError, type AmqpError } from './amqp-error.ts';
import { readCloudToDeviceMessage } from './cloud-to-device-message.ts';
import type { HubContext } from './hub-context.ts';
import { LINK_CREDIT } from './limits.ts';
import type { Peer, ReceivingHandler, ReceivingRoute } from './link-route.ts';
import type { RheaDelivery } from './rhea-internals.ts';

/** Where a back end sends messages for devices. */
export function deviceBoundMessages(hub: HubContext): ReceivingRoute {
  return {
    role: 'receiver',
    address: /^\/messages\/devicebound$/i,
    credit: LINK_CREDIT,
    authorize(token) {
      hub.authenticator.service(token, 'serviceConnect', ['messages', 'devicebound']);
    },
    open: (_receiver, { peer }) => new DeviceBoundMessages(hub, peer),
  };
}

class DeviceBoundMessages implements ReceivingHandler {
  readonly #hub: HubContext;
  readonly #peer: Peer;

  constructor(hub: HubContext, peer: Peer) {
    this.#hub = hub;
    this.#peer = peer;
  }

  onMessage(message: Message | Buffer, delivery: RheaDelivery): void {
    const effect = this.#hub.faults.take('amqp-send');
    switch (effect?.kind) {
      case 'no-answer':
        forget(delivery);
        return;
      case 'drop-connection':
        this.#peer.drop();
        return;
      case 'delay':
        this.#peer.schedule(effect.ms, () => this.#answer(delivery, this.#enqueue(message)));
        return;
      case 'error':
        this.#answer(delivery, faultError(effect));
        return;
      case 'accept-then-no-answer':
        this.#enqueue(message);
        forget(delivery);
        return;
      case undefined:
        this.#answer(delivery, this.#enqueue(message));
    }
  }

  close(): void {
    // A message that was taken stays taken; the client learns of it or not.
  }

  #enqueue(message: Message | Buffer): AmqpError | undefined {
    if (Buffer.isBuffer(message)) {
      return { condition: 'amqp:not-implemented', description: 'The message format must be 0' };
    }
    try {
      const { deviceId, message: read } = readCloudToDeviceMessage(message);
      this.#hub.state.cloudToDevice.enqueue(deviceId, read);
      return undefined;
    } catch (error) {
      if (!(error instanceof HubError)) throw error;
      return toAmqpError(error);
    }
  }

  #answer(delivery: RheaDelivery, error: AmqpError | undefined): void {
    if (error) {
      delivery.reject(error);
      this.#peer.log('disposition', { outcome: 'rejected', condition: error.condition });
    } else {
      delivery.accept();
      this.#peer.log('disposition', { outcome: 'accepted' });
    }
  }
}

/** rhea keeps what is not settled, in a ring that would fill up. */
function forget(delivery: RheaDelivery): void {
  delivery.settled = true;
}
