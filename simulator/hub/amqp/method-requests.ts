import rhea from 'rhea';
import { workUnderFault } from '../faults/work-under-fault.ts';
import type { MethodRequest } from '../state/method-broker.ts';
import type { Payloads } from '../wire-log.ts';
import { CreditedSender } from './credited-sender.ts';
import { identityAddress, identityIn } from './device-address.ts';
import type { DeviceLinks } from './device-links.ts';
import type { HubContext } from './hub-context.ts';
import { MAX_OPEN_METHOD_REQUESTS } from './limits.ts';
import type { LinkContext, Outcome, SendingHandler, SendingRoute } from './link-route.ts';
import type { MethodChannel } from './method-channel.ts';
import type { PairedLinks } from './paired-links.ts';
import type { RheaDelivery, RheaSender } from './rhea-internals.ts';

/** Where a device is asked to run its methods. */
export function methodRequests(
  hub: HubContext,
  devices: DeviceLinks,
  channels: PairedLinks<MethodChannel>,
): SendingRoute {
  const { authenticator, state } = hub;
  return {
    role: 'sender',
    address: identityAddress('/methods/devicebound'),
    authorize(token, match) {
      authenticator.device(token, identityIn(match, state.registry));
    },
    open(sender, context) {
      const deviceId = identityIn(context.match, state.registry);
      const { shared: channel, leave } = channels.enter(context.peer, deviceId, sender);
      return new MethodRequests({
        hub,
        deviceId,
        context,
        channel,
        sender,
        cleanUps: [leave, devices.add(deviceId, context)],
      });
    },
  };
}

interface MethodRequestsOptions {
  readonly hub: HubContext;
  readonly deviceId: string;
  readonly context: LinkContext;
  readonly channel: MethodChannel;
  readonly sender: RheaSender;
  readonly cleanUps: readonly (() => void)[];
}

class MethodRequests implements SendingHandler {
  readonly #options: MethodRequestsOptions;
  readonly #outgoing: CreditedSender;
  #unsent: MethodRequest[] = [];
  #detach: (() => void) | undefined;

  constructor(options: MethodRequestsOptions) {
    this.#options = options;
    this.#outgoing = new CreditedSender(options.sender);
    this.onFlow();
  }

  /** The device takes methods from its first credit on. */
  onFlow(): void {
    const { hub, deviceId } = this.#options;
    if (this.#outgoing.canSend())
      this.#detach ??= hub.state.methods.attach(deviceId, (request) => this.#pass(request));
    while (this.#outgoing.canSend()) {
      const request = this.#unsent.shift();
      if (!request) break;
      this.#send(request);
    }
    this.#outgoing.drain();
  }

  onOutcome(delivery: RheaDelivery, _outcome: Outcome): void {
    // Whatever it is, the call waits for an answer.
    this.#outgoing.settle(delivery);
  }

  close(): void {
    this.#detach?.();
    this.#unsent = [];
    this.#outgoing.close();
    for (const cleanUp of this.#options.cleanUps) cleanUp();
  }

  #pass(request: MethodRequest): void {
    const { hub, deviceId, context } = this.#options;
    const effect = hub.faults.take('method-request', deviceId);
    if (effect) workUnderFault(effect, context.peer, { run: () => this.#queue(request) });
    else this.#queue(request);
  }

  #queue(request: MethodRequest): void {
    if (this.#outgoing.canSend()) this.#send(request);
    else if (this.#unsent.length < MAX_OPEN_METHOD_REQUESTS) this.#unsent.push(request);
    else this.#log('method request dropped', request);
  }

  #send(request: MethodRequest): void {
    const correlationId = this.#options.channel.opened(request.requestId);
    this.#outgoing.send({
      correlation_id: rhea.string_to_uuid(correlationId),
      application_properties: { 'IoThub-methodname': request.methodName },
      body: rhea.message.data_section(request.payload),
    });
    this.#log('method request', request, () => ({ sent: request.payload }));
  }

  #log(event: string, request: MethodRequest, payloads?: () => Payloads): void {
    const { context, deviceId } = this.#options;
    const { requestId, methodName } = request;
    context.peer.log(event, { deviceId, requestId, methodName }, payloads);
  }
}
