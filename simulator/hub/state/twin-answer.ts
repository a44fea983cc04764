import { randomUUID } from 'node:crypto';
import { HubError } from './hub-error.ts';
import type { HubState } from './hub-state.ts';
import { isJsonObject, type JsonObject } from './merge-patch.ts';
import { TWIN_METER_BYTES } from './service-tiers.ts';
import type { DesiredChange, TwinProperties } from './twins.ts';

/** What a device may do with its own twin. */
export type TwinOperation = 'get' | 'report';

export interface TwinAnswer {
  /** As of HTTP. */
  readonly status: number;
  readonly body: string;
  /** Of the reported properties, after a report. */
  readonly version?: number;
}

type Twinned = Pick<HubState, 'twins' | 'clock' | 'throttles'>;

/** The same over every protocol; a refusal is an answer too. */
export function answerTwinRequest(
  state: Twinned,
  deviceId: string,
  operation: TwinOperation,
  payload: Buffer,
): TwinAnswer {
  try {
    if (operation === 'report') {
      state.throttles.admit('twinUpdates');
      state.throttles.meter([payload.length], TWIN_METER_BYTES);
      const { reported } = state.twins.report(deviceId, parsePatch(payload));
      return { status: 204, body: '', version: reported.version };
    }
    state.throttles.admit('twinReads');
    const { desired, reported } = state.twins.get(deviceId);
    const twin = { desired: propertiesJson(desired), reported: propertiesJson(reported) };
    const body = JSON.stringify(twin);
    state.throttles.meter([body.length], TWIN_METER_BYTES);
    return { status: 200, body };
  } catch (error) {
    if (!(error instanceof HubError)) throw error;
    return twinRefusal(state, error);
  }
}

/** The Node SDK finds an error in the body only. */
export function twinRefusal(
  { clock }: Twinned,
  { httpStatus, code, message }: Pick<HubError, 'httpStatus' | 'code' | 'message'>,
): TwinAnswer {
  const body = JSON.stringify({
    errorCode: code,
    trackingId: randomUUID(),
    message,
    timestampUtc: new Date(clock.now()).toISOString(),
  });
  return { status: httpStatus, body };
}

/** How a device hears of it. */
export function desiredChangeJson({ patch, version }: DesiredChange): string {
  return JSON.stringify({ ...patch, $version: version });
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
