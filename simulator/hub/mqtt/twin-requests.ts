import type { IPublishPacket } from 'mqtt-packet';

import type { FaultPlan } from '../faults/fault-plan.ts';
import { plannedTwinRefusal } from '../faults/planned-twin-refusal.ts';
import { workUnderFault, type FaultyConnection } from '../faults/work-under-fault.ts';
import type { HubState } from '../state/hub-state.ts';
import { answerTwinRequest, desiredChangeJson, type TwinAnswer } from '../state/twin-answer.ts';
import type { DesiredChange } from '../state/twins.ts';
import { MAX_UNREAD_BYTES } from './limits.ts';
import type { Payloads } from '../wire-log.ts';
import type { LogDetail } from './log-detail.ts';
import type { Session } from './sessions.ts';
import { desiredPropertiesTopic, twinResponseTopic, type TwinRequest } from './topics.ts';

export interface TwinRequestsOptions {
  readonly deviceId: string;
  readonly faults: FaultPlan;
  readonly connection: FaultyConnection;
  readonly state: HubState;
  readonly session: Session;
  readonly send: (packet: IPublishPacket) => void;
  readonly unreadBytes: () => number;
  readonly log: (event: string, detail?: LogDetail, payloads?: () => Payloads) => void;
}

/** Lets a device read its twin, report properties and hear of desired ones. */
export class TwinRequests {
  readonly #options: TwinRequestsOptions;
  #stopListening: (() => void) | undefined;

  constructor(options: TwinRequestsOptions) {
    this.#options = options;
  }

  handle(request: TwinRequest, payload: Buffer): void {
    const { faults, connection, state, deviceId } = this.#options;
    const answer = (): TwinAnswer => answerTwinRequest(state, deviceId, request.operation, payload);
    const effect = faults.take('twin-request', deviceId);
    if (!effect) {
      this.#respond(request, payload, answer());
      return;
    }
    workUnderFault(effect, connection, {
      run: () => this.#respond(request, payload, answer()),
      runUnanswered: () => answer(),
      refuse: (error) => this.#respond(request, payload, plannedTwinRefusal(state, error)),
    });
  }

  #respond(
    { operation, requestId }: TwinRequest,
    payload: Buffer,
    { status, body, version }: TwinAnswer,
  ): void {
    const { session, log } = this.#options;
    log('twin request', { operation, requestId, status }, () => ({
      received: payload,
      sent: Buffer.from(body),
    }));
    // Not subscribed: nobody would hear it.
    if (session.subscriptions.has('twinResponses'))
      this.#send(twinResponseTopic(status, requestId, version), body);
  }

  start(): void {
    const { state, deviceId } = this.#options;
    this.#stopListening ??= state.twins.onDesired(deviceId, (change) => this.#notify(change));
  }

  stop(): void {
    this.#stopListening?.();
    this.#stopListening = undefined;
  }

  #notify(change: DesiredChange): void {
    const { faults, connection, deviceId } = this.#options;
    const effect = faults.take('twin-notification', deviceId);
    if (effect) workUnderFault(effect, connection, { run: () => this.#publishChange(change) });
    else this.#publishChange(change);
  }

  #publishChange(change: DesiredChange): void {
    const { unreadBytes, log } = this.#options;
    const { version } = change;
    if (unreadBytes() > MAX_UNREAD_BYTES) {
      log('desired properties dropped', { version });
      return;
    }
    log('desired properties', { version });
    this.#send(desiredPropertiesTopic(version), desiredChangeJson(change));
  }

  #send(topic: string, payload: string): void {
    this.#options.send({ cmd: 'publish', topic, payload, qos: 0, dup: false, retain: false });
  }
}
