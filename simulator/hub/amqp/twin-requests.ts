import type { Message } from 'rhea';
import type { FaultEffect } from '../faults/fault-effect.ts';
import { HubError } from '../state/hub-error.ts';
import { plannedTwinRefusal } from '../faults/planned-twin-refusal.ts';
import { workUnderFault } from '../faults/work-under-fault.ts';
import { answerTwinRequest, type TwinAnswer, twinRefusal } from '../state/twin-answer.ts';
import type { DesiredChange } from '../state/twins.ts';
import { toAmqpError } from './amqp-error.ts';
import { identityAddress, identityIn } from './device-address.ts';
import type { DeviceLinks } from './device-links.ts';
import type { HubContext } from './hub-context.ts';
import { LINK_CREDIT } from './limits.ts';
import type { Peer, ReceivingHandler, ReceivingRoute } from './link-route.ts';
import { loggable } from './log-detail.ts';
import { readBody, readId } from './message-sections.ts';
import type { PairedLinks } from './paired-links.ts';
import type { RheaDelivery } from './rhea-internals.ts';
import type { TwinChannel } from './twin-channel.ts';

const REPORTED = '/properties/reported';
const DESIRED_NOTIFICATIONS = '/notifications/twin/properties/desired';

/** Where a device asks for its twin, reports properties, and says whether it wants to hear of desired ones. */
export function twinRequests(
  hub: HubContext,
  devices: DeviceLinks,
  channels: PairedLinks<TwinChannel>,
): ReceivingRoute {
  const { authenticator, state } = hub;
  return {
    role: 'receiver',
    address: identityAddress('/twin'),
    credit: LINK_CREDIT,
    authorize(token, match) {
      authenticator.device(token, identityIn(match, state.registry));
    },
    open(receiver, context) {
      const { peer } = context;
      const deviceId = identityIn(context.match, state.registry);
      const { shared: channel, leave } = channels.enter(peer, deviceId, receiver);
      const cleanUps = [leave, devices.add(deviceId, context)];
      return new TwinRequests({ hub, deviceId, peer, channel, cleanUps });
    },
  };
}

interface TwinRequestsOptions {
  readonly hub: HubContext;
  readonly deviceId: string;
  readonly peer: Peer;
  readonly channel: TwinChannel;
  readonly cleanUps: readonly (() => void)[];
}

class TwinRequests implements ReceivingHandler {
  readonly #options: TwinRequestsOptions;

  constructor(options: TwinRequestsOptions) {
    this.#options = options;
  }

  onMessage(message: Message | Buffer, delivery: RheaDelivery): void {
    const { hub, deviceId, peer } = this.#options;
    hub.state.registry.touch(deviceId);
    try {
      const request = readRequest(message);
      delivery.accept();
      const effect = hub.faults.take('twin-request', deviceId);
      if (effect) this.#answerUnderFault(request, effect);
      else this.#respond(request, this.#answer(request));
    } catch (error) {
      if (!(error instanceof HubError)) throw error;
      const refusal = toAmqpError(error);
      delivery.reject(refusal);
      peer.log('twin request refused', { deviceId, condition: refusal.condition });
    }
  }

  close(): void {
    for (const cleanUp of this.#options.cleanUps) cleanUp();
  }

  /** Tells of a change, unless a fault is planned for that. */
  #notifying(listener: (change: DesiredChange) => void): (change: DesiredChange) => void {
    const { hub, deviceId, peer } = this.#options;
    return (change) => {
      const effect = hub.faults.take('twin-notification', deviceId);
      if (effect) workUnderFault(effect, peer, { run: () => listener(change) });
      else listener(change);
    };
  }

  #answerUnderFault(request: Request, effect: FaultEffect): void {
    const { hub, peer } = this.#options;
    workUnderFault(effect, peer, {
      run: () => this.#respond(request, this.#answer(request)),
      runUnanswered: () => this.#answer(request),
      refuse: (error) => this.#respond(request, plannedTwinRefusal(hub.state, error)),
    });
  }

  #respond({ correlationId, operation, resource }: Request, answer: TwinAnswer): void {
    const { deviceId, peer, channel } = this.#options;
    channel.answer(correlationId, answer);
    const detail = { operation: loggable(operation), resource: loggable(resource) };
    peer.log('twin request', { deviceId, ...detail, status: answer.status });
  }

  #answer({ operation, resource, payload }: Request): TwinAnswer {
    const { hub, deviceId, channel } = this.#options;
    const { state } = hub;
    if (operation === 'GET') return answerTwinRequest(state, deviceId, 'get', payload);
    if (operation === 'PATCH' && resource === REPORTED)
      return answerTwinRequest(state, deviceId, 'report', payload);
    if (operation === 'PUT' && resource === DESIRED_NOTIFICATIONS) {
      channel.follow((listener) => state.twins.onDesired(deviceId, this.#notifying(listener)));
      return { status: 200, body: '' };
    }
    if (operation === 'DELETE' && resource === DESIRED_NOTIFICATIONS) {
      channel.unfollow();
      return { status: 200, body: '' };
    }
    return twinRefusal(
      state,
      new HubError(
        'argumentInvalid',
        `A twin takes GET, PATCH of ${REPORTED}, and PUT and DELETE of ${DESIRED_NOTIFICATIONS}`,
      ),
    );
  }
}

interface Request {
  readonly correlationId: Message['correlation_id'];
  readonly operation: unknown;
  readonly resource: unknown;
  readonly payload: Buffer;
}

/** Throws `argumentInvalid`. */
function readRequest(message: Message | Buffer): Request {
  if (Buffer.isBuffer(message))
    throw new HubError('argumentInvalid', 'The message format must be 0');
  const { correlation_id: correlationId, message_annotations: annotations, body } = message;
  if (readId('correlation-id', correlationId) === undefined)
    throw new HubError('argumentInvalid', 'Without a correlation-id there is no answer');
  return {
    correlationId,
    operation: annotations?.['operation'],
    resource: annotations?.['resource'],
    payload: readBody(body),
  };
}
