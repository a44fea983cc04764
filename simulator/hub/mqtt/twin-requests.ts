import { randomUUID } from 'node:crypto';
import type { IPublishPacket } from 'mqtt-packet';

import { HubError } from '../state/hub-error.ts';
import type { HubState } from '../state/hub-state.ts';
import { isJsonObject, type JsonObject } from '../state/merge-patch.ts';
import { TWIN_METER_BYTES } from '../state/service-tiers.ts';
import type { DesiredChange, TwinProperties } from '../state/twins.ts';
import { MAX_UNREAD_BYTES } from './limits.ts';
import type { LogDetail } from './log-detail.ts';
import type { Session } from './sessions.ts';
import { desiredPropertiesTopic, twinResponseTopic, type TwinRequest } from './topics.ts';

export interface TwinRequestsOptions {
  readonly deviceId: string;
  readonly state: HubState;
  readonly session: Session;
  readonly send: (packet: IPublishPacket) => void;
  readonly unreadBytes: () => number;
  readonly log: (event: string, detail?: LogDetail) => void;
}

/** Lets a device read its twin, report properties and hear of desired ones. */
export class TwinRequests {
  readonly #options: TwinRequestsOptions;
  #stopListening: (() => void) | undefined;

  constructor(options: TwinRequestsOptions) {
    this.#options = options;
  }

  handle(request: TwinRequest, payload: Buffer): void {
    const { status, body, version } = this.#answer(request, payload);
    const { operation, requestId } = request;
    this.#options.log('twin request', { operation, requestId, status });
    // Not subscribed: nobody would hear it.
    if (this.#options.session.subscriptions.has('twinResponses'))
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

  #answer(
    { operation }: TwinRequest,
    payload: Buffer,
  ): { status: number; body: string; version?: number } {
    const { state, deviceId } = this.#options;
    try {
      if (operation === 'get') {
        state.throttles.admit('twinReads');
        const { desired, reported } = state.twins.get(deviceId);
        const twin = { desired: propertiesJson(desired), reported: propertiesJson(reported) };
        const body = JSON.stringify(twin);
        state.throttles.meter([body.length], TWIN_METER_BYTES);
        return { status: 200, body };
      }
      state.throttles.admit('twinUpdates');
      state.throttles.meter([payload.length], TWIN_METER_BYTES);
      const { reported } = state.twins.report(deviceId, parsePatch(payload));
      return { status: 204, body: '', version: reported.version };
    } catch (error) {
      if (!(error instanceof HubError)) throw error;
      return { status: error.httpStatus, body: this.#errorBody(error) };
    }
  }

  /** The Node SDK finds an error in the body only. */
  #errorBody({ code, message }: HubError): string {
    return JSON.stringify({
      errorCode: code,
      trackingId: randomUUID(),
      message,
      timestampUtc: new Date(this.#options.state.clock.now()).toISOString(),
    });
  }

  #notify({ patch, version }: DesiredChange): void {
    const { unreadBytes, log } = this.#options;
    if (unreadBytes() > MAX_UNREAD_BYTES) {
      log('desired properties dropped', { version });
      return;
    }
    log('desired properties', { version });
    this.#send(desiredPropertiesTopic(version), JSON.stringify({ ...patch, $version: version }));
  }

  #send(topic: string, payload: string): void {
    this.#options.send({ cmd: 'publish', topic, payload, qos: 0, dup: false, retain: false });
  }
}

/** A device is not shown the metadata. */
function propertiesJson({ values, version }: TwinProperties): JsonObject {
  return { ...values, $version: version };
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

function parsePatch(payload: Buffer): JsonObject {
  const patch = parseJson(payload);
  if (isJsonObject(patch)) return patch;
  throw new HubError('argumentInvalid', 'Reported properties must be a JSON object in UTF-8');
}

function parseJson(payload: Buffer): unknown {
  try {
    return JSON.parse(UTF8.decode(payload));
  } catch {
    return undefined;
  }
}
