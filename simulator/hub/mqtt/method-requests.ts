import type { IPublishPacket } from 'mqtt-packet';

import type { FaultPlan } from '../faults/fault-plan.ts';
import { workUnderFault, type FaultyConnection } from '../faults/work-under-fault.ts';
import type { MethodBroker, MethodRequest } from '../state/method-broker.ts';
import { MAX_TOPIC_BYTES, MAX_UNREAD_BYTES } from './limits.ts';
import type { Payloads } from '../wire-log.ts';
import type { LogDetail } from './log-detail.ts';
import { methodRequestTopic } from './topics.ts';

export interface MethodRequestsOptions {
  readonly deviceId: string;
  readonly faults: FaultPlan;
  readonly connection: FaultyConnection;
  readonly methods: MethodBroker;
  readonly send: (packet: IPublishPacket) => void;
  readonly unreadBytes: () => number;
  readonly log: (event: string, detail: LogDetail, payloads?: () => Payloads) => void;
}

/** Passes direct methods to a device while it is connected and subscribed to them. */
export class MethodRequests {
  readonly #options: MethodRequestsOptions;
  #detach: (() => void) | undefined;

  constructor(options: MethodRequestsOptions) {
    this.#options = options;
  }

  start(): void {
    const { methods, deviceId } = this.#options;
    this.#detach ??= methods.attach(deviceId, (request) => this.#pass(request));
  }

  stop(): void {
    this.#detach?.();
    this.#detach = undefined;
  }

  #pass(request: MethodRequest): void {
    const { faults, connection, deviceId } = this.#options;
    const effect = faults.take('method-request', deviceId);
    if (effect) workUnderFault(effect, connection, { run: () => this.#publish(request) });
    else this.#publish(request);
  }

  #publish({ methodName, requestId, payload }: MethodRequest): void {
    const { send, log, unreadBytes } = this.#options;
    const topic = methodRequestTopic(methodName, requestId);
    if (unreadBytes() > MAX_UNREAD_BYTES || Buffer.byteLength(topic) > MAX_TOPIC_BYTES) {
      log('method request dropped', { requestId });
      return;
    }
    send({ cmd: 'publish', topic, payload, qos: 0, dup: false, retain: false });
    log('method request', { requestId, methodName }, () => ({ sent: payload }));
  }
}
