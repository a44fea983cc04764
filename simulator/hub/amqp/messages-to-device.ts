import type { Delivery } from '../state/cloud-to-device-queues.ts';
import { workUnderFault } from '../faults/work-under-fault.ts';
import { HubError } from '../state/hub-error.ts';
import { CreditedSender, tagOf } from './credited-sender.ts';
import { identityAddress, identityIn } from './device-address.ts';
import type { DeviceLinks } from './device-links.ts';
import type { HubContext } from './hub-context.ts';
import type { LinkContext, Outcome, Peer, SendingHandler, SendingRoute } from './link-route.ts';
import { messageToDevice } from './message-to-device.ts';
import type { RheaDelivery, RheaSender } from './rhea-internals.ts';

/** Where a device gets its messages. */
export function messagesToDevice(hub: HubContext, devices: DeviceLinks): SendingRoute {
  const { authenticator, state } = hub;
  return {
    role: 'sender',
    address: identityAddress('/messages/devicebound'),
    authorize(token, match) {
      authenticator.device(token, identityIn(match, state.registry));
    },
    open: (sender, context) =>
      new MessagesToDevice(
        hub,
        devices,
        identityIn(context.match, state.registry),
        sender,
        context,
      ),
  };
}

class MessagesToDevice implements SendingHandler {
  readonly #hub: HubContext;
  readonly #deviceId: string;
  readonly #peer: Peer;
  readonly #outgoing: CreditedSender;
  readonly #inFlight = new Map<RheaDelivery, Delivery>();
  readonly #cleanUps: (() => void)[];
  #isPumpPlanned = false;
  #isClosed = false;

  constructor(
    hub: HubContext,
    devices: DeviceLinks,
    deviceId: string,
    sender: RheaSender,
    context: LinkContext,
  ) {
    this.#hub = hub;
    this.#deviceId = deviceId;
    this.#peer = context.peer;
    this.#outgoing = new CreditedSender(sender);
    this.#cleanUps = [
      devices.add(deviceId, context),
      hub.state.cloudToDevice.onAvailable(deviceId, () => this.#planPump()),
    ];
    this.onFlow();
  }

  onFlow(): void {
    this.#pump();
    this.#outgoing.drain();
  }

  onOutcome(delivery: RheaDelivery, outcome: Outcome): void {
    const received = this.#inFlight.get(delivery);
    if (!received) return;
    this.#inFlight.delete(delivery);
    this.#outgoing.settle(delivery);
    this.#hub.state.registry.touch(this.#deviceId);
    const effect = this.#hub.faults.take('device-settlement', this.#deviceId);
    const run = (): void => this.#settled(received, outcome);
    if (effect) workUnderFault(effect, this.#peer, { run });
    else run();
  }

  #settled(received: Delivery, outcome: Outcome): void {
    const isLockLost = !this.#settle(received.lockToken, outcome);
    this.#peer.log('disposition', { deviceId: this.#deviceId, outcome, isLockLost });
  }

  close(): void {
    this.#isClosed = true;
    this.#outgoing.close();
    for (const cleanUp of this.#cleanUps) cleanUp();
    for (const { lockToken } of this.#inFlight.values())
      this.#hub.state.cloudToDevice.release(this.#deviceId, lockToken);
    this.#inFlight.clear();
  }

  /** Not at once: the queue announces a message amid the work of whoever changed it. */
  #planPump(): void {
    if (this.#isPumpPlanned) return;
    this.#isPumpPlanned = true;
    this.#peer.soon(() => {
      this.#isPumpPlanned = false;
      this.#pump();
    });
  }

  #pump(): void {
    while (!this.#isClosed && this.#outgoing.canSend()) {
      const received = this.#hub.state.cloudToDevice.receive(this.#deviceId);
      if (!received) return;
      this.#send(received);
    }
  }

  #send(received: Delivery): void {
    const effect = this.#hub.faults.take('device-message', this.#deviceId);
    if (!effect) {
      this.#transfer(received);
      return;
    }
    // It may be late for its lock, its link or its credit; then it is lost on its way.
    const run = (): void => {
      if (!this.#isClosed && this.#outgoing.canSend()) this.#transfer(received);
    };
    workUnderFault(effect, this.#peer, { run });
  }

  #transfer(received: Delivery): void {
    const { message, lockToken } = received;
    this.#forgetEarlier(message.sequenceNumber);
    const { defaultTtlMs } = this.#hub.state.settings.cloudToDevice;
    const delivery = this.#outgoing.send(messageToDevice(message, defaultTtlMs), tagOf(lockToken));
    this.#inFlight.set(delivery, received);
    const detail = { deviceId: this.#deviceId, messageId: message.messageId ?? '' };
    this.#peer.log('transfer', detail, () => ({ sent: message.body }));
  }

  /** Its lock ran out: what the device says of it now comes too late. */
  #forgetEarlier(sequenceNumber: number): void {
    for (const [delivery, { message }] of this.#inFlight) {
      if (message.sequenceNumber !== sequenceNumber) continue;
      this.#inFlight.delete(delivery);
      this.#outgoing.forget(delivery);
    }
  }

  #settle(lockToken: string, outcome: Outcome): boolean {
    const { cloudToDevice } = this.#hub.state;
    try {
      switch (outcome) {
        case 'accepted':
          cloudToDevice.complete(this.#deviceId, lockToken);
          break;
        case 'rejected':
          cloudToDevice.reject(this.#deviceId, lockToken);
          break;
        case 'released':
        case 'modified':
          cloudToDevice.abandon(this.#deviceId, lockToken);
          break;
        case 'none':
          cloudToDevice.release(this.#deviceId, lockToken);
      }
      return true;
    } catch (error) {
      // The device was too slow, and AMQP has no way to tell it.
      if (error instanceof HubError && error.kind === 'deviceMessageLockLost') return false;
      throw error;
    }
  }
}
