import type { Message } from 'rhea';
import { workUnderFault } from '../faults/work-under-fault.ts';
import { HubError } from '../state/hub-error.ts';
import { faultError, toAmqpError, type AmqpError } from './amqp-error.ts';
import { readCloudToDeviceMessage, targetOf } from './cloud-to-device-message.ts';
import type { HubContext } from './hub-context.ts';
import { LINK_CREDIT } from './limits.ts';
import type { LinkContext, ReceivingHandler, ReceivingRoute } from './link-route.ts';
import type { RheaDelivery } from './rhea-internals.ts';

/** Where a back end sends messages for devices. */
export function deviceBoundMessages(hub: HubContext): ReceivingRoute {
  return {
    role: 'receiver',
    address: /^\/messages\/devicebound$/i,
    credit: LINK_CREDIT,
    authorize(token) {
      hub.authenticator.service(token, 'cloudToDeviceMessages/send/action', [
        'messages',
        'devicebound',
      ]);
    },
    open: (_receiver, context) => new DeviceBoundMessages(hub, context),
  };
}

class DeviceBoundMessages implements ReceivingHandler {
  readonly #hub: HubContext;
  readonly #context: LinkContext;

  constructor(hub: HubContext, context: LinkContext) {
    this.#hub = hub;
    this.#context = context;
  }

  onMessage(message: Message | Buffer, delivery: RheaDelivery): void {
    const effect = this.#hub.faults.take('amqp-send', () => targetOf(message));
    if (!effect) this.#answer(delivery, this.#enqueue(message));
    else if (effect.kind === 'detach-link') {
      forget(delivery);
      this.#context.detach(faultError(effect, 'amqp:link:detach-forced'));
    } else
      workUnderFault(effect, this.#context.peer, {
        run: () => this.#answer(delivery, this.#enqueue(message)),
        runUnanswered: () => {
          this.#enqueue(message);
          forget(delivery);
        },
        skip: () => forget(delivery),
        refuse: (error) => this.#answer(delivery, faultError(error)),
      });
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
      this.#context.peer.log('disposition', { outcome: 'rejected', condition: error.condition });
    } else {
      delivery.accept();
      this.#context.peer.log('disposition', { outcome: 'accepted' });
    }
  }
}

/** rhea keeps what is not settled, in a ring that would fill up. */
function forget(delivery: RheaDelivery): void {
  delivery.settled = true;
}
