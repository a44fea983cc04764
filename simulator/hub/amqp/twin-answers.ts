import { CreditedSender } from './credited-sender.ts';
import { identityAddress, identityIn } from './device-address.ts';
import type { DeviceLinks } from './device-links.ts';
import type { HubContext } from './hub-context.ts';
import type { SendingHandler, SendingRoute } from './link-route.ts';
import type { PairedLinks } from './paired-links.ts';
import type { RheaDelivery, RheaSender } from './rhea-internals.ts';
import type { TwinChannel } from './twin-channel.ts';

/** Where a device hears what its twin is, and what the back end desires. */
export function twinAnswers(
  { authenticator, state }: HubContext,
  devices: DeviceLinks,
  channels: PairedLinks<TwinChannel>,
): SendingRoute {
  return {
    role: 'sender',
    address: identityAddress('/twin'),
    authorize(token, match) {
      authenticator.device(token, identityIn(match, state.registry));
    },
    open(sender, context) {
      const deviceId = identityIn(context.match, state.registry);
      const { shared: channel, leave } = channels.enter(context.peer, deviceId, sender);
      return new TwinAnswers(sender, channel, [leave, devices.add(deviceId, context)]);
    },
  };
}

class TwinAnswers implements SendingHandler {
  readonly #outgoing: CreditedSender;
  readonly #channel: TwinChannel;
  readonly #cleanUps: readonly (() => void)[];

  constructor(sender: RheaSender, channel: TwinChannel, cleanUps: readonly (() => void)[]) {
    this.#outgoing = new CreditedSender(sender);
    this.#channel = channel;
    this.#cleanUps = cleanUps;
    channel.open(this.#outgoing);
  }

  onFlow(): void {
    this.#channel.flush();
    this.#outgoing.drain();
  }

  onOutcome(delivery: RheaDelivery): void {
    this.#outgoing.settle(delivery);
  }

  close(): void {
    this.#channel.close();
    this.#outgoing.close();
    for (const cleanUp of this.#cleanUps) cleanUp();
  }
}
