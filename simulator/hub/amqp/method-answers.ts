import type { Message } from 'rhea';
import { workUnderFault } from '../faults/work-under-fault.ts';
import { HubError } from '../state/hub-error.ts';
import { MAX_METHOD_PAYLOAD_BYTES } from '../state/limits.ts';
import { toAmqpError } from './amqp-error.ts';
import { identityAddress, identityIn } from './device-address.ts';
import type { DeviceLinks } from './device-links.ts';
import type { HubContext } from './hub-context.ts';
import { LINK_CREDIT } from './limits.ts';
import type { Peer, ReceivingHandler, ReceivingRoute } from './link-route.ts';
import { readBody, readId } from './message-sections.ts';
import type { MethodChannel } from './method-channel.ts';
import type { PairedLinks } from './paired-links.ts';
import type { RheaDelivery } from './rhea-internals.ts';

const STATUS_PROPERTY = 'IoThub-status';

/** Where a device answers its methods. */
export function methodAnswers(
  hub: HubContext,
  devices: DeviceLinks,
  channels: PairedLinks<MethodChannel>,
): ReceivingRoute {
  const { authenticator, state } = hub;
  return {
    role: 'receiver',
    address: identityAddress('/methods/devicebound'),
    credit: LINK_CREDIT,
    authorize(token, match) {
      authenticator.device(token, identityIn(match, state.registry));
    },
    open(receiver, context) {
      const { peer } = context;
      const deviceId = identityIn(context.match, state.registry);
      const { shared: channel, leave } = channels.enter(peer, deviceId, receiver);
      const cleanUps = [leave, devices.add(deviceId, context)];
      return new MethodAnswers({ hub, deviceId, peer, channel, cleanUps });
    },
  };
}

interface MethodAnswersOptions {
  readonly hub: HubContext;
  readonly deviceId: string;
  readonly peer: Peer;
  readonly channel: MethodChannel;
  readonly cleanUps: readonly (() => void)[];
}

class MethodAnswers implements ReceivingHandler {
  readonly #options: MethodAnswersOptions;

  constructor(options: MethodAnswersOptions) {
    this.#options = options;
  }

  onMessage(message: Message | Buffer, delivery: RheaDelivery): void {
    const { hub, deviceId, peer } = this.#options;
    hub.state.registry.touch(deviceId);
    try {
      const answer = readAnswer(message);
      const effect = hub.faults.take('method-answer', deviceId);
      if (effect) workUnderFault(effect, peer, { run: () => this.#answer(answer) });
      else this.#answer(answer);
      delivery.accept();
    } catch (error) {
      if (!(error instanceof HubError)) throw error;
      const refusal = toAmqpError(error);
      delivery.reject(refusal);
      peer.log('method answer refused', { deviceId, condition: refusal.condition });
    }
  }

  close(): void {
    for (const cleanUp of this.#options.cleanUps) cleanUp();
  }

  #answer({ correlationId, status, payload }: Answer): void {
    const { hub, deviceId, peer, channel } = this.#options;
    const requestId = channel.answered(correlationId);
    const isAwaited =
      requestId !== undefined && hub.state.methods.respond(deviceId, requestId, status, payload);
    peer.log(isAwaited ? 'method answer' : 'method answer nobody waits for', { deviceId, status });
  }
}

interface Answer {
  readonly correlationId: string;
  readonly status: number;
  readonly payload: Buffer;
}

/** Throws `argumentInvalid` or `messageTooLarge`. */
function readAnswer(message: Message | Buffer): Answer {
  if (Buffer.isBuffer(message))
    throw new HubError('argumentInvalid', 'The message format must be 0');
  const correlationId = readId('correlation-id', message.correlation_id);
  if (correlationId === undefined)
    throw new HubError('argumentInvalid', 'correlation-id must be the one of the request');
  const status: unknown = message.application_properties?.[STATUS_PROPERTY];
  if (typeof status !== 'number' || !Number.isInteger(status))
    throw new HubError('argumentInvalid', `${STATUS_PROPERTY} must be an int`);
  const payload = readBody(message.body);
  if (payload.length > MAX_METHOD_PAYLOAD_BYTES) {
    throw new HubError(
      'messageTooLarge',
      `The answer has ${payload.length} bytes; at most ${MAX_METHOD_PAYLOAD_BYTES} are allowed`,
    );
  }
  return { correlationId, status, payload };
}
