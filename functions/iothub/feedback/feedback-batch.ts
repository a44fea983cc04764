import { FEEDBACK_OUTCOMES } from '../../messages/feedback.ts';
import type { FeedbackOutcome, FeedbackRecord } from '../../messages/feedback.ts';

/** Why an entry of a batch, or the batch, could not be understood. */
type UnreadableReason =
  | 'batch-is-not-json'
  | 'batch-is-not-an-array'
  | 'record-is-not-an-object'
  | 'record-has-no-message-id'
  | 'record-has-no-device-id'
  | 'record-has-an-unknown-status'
  | 'record-has-no-time';

export interface ParsedBatch {
  readonly records: FeedbackRecord[];
  readonly unreadable: UnreadableReason[];
}

/**
 * Reads the body of a feedback message: a JSON array of records, each judged by itself.
 * https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-messages-c2d
 */
export function parseFeedbackBatch(body: Uint8Array): ParsedBatch {
  const json = parseJson(body);
  if (json === undefined) return { records: [], unreadable: ['batch-is-not-json'] };
  if (!Array.isArray(json)) return { records: [], unreadable: ['batch-is-not-an-array'] };
  const parsed = json.map(parseRecord);
  return {
    records: parsed.filter((each) => typeof each !== 'string'),
    unreadable: parsed.filter((each) => typeof each === 'string'),
  };
}

function parseRecord(entry: unknown): FeedbackRecord | UnreadableReason {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
    return 'record-is-not-an-object';
  }
  const fields: Partial<Record<string, unknown>> = { ...entry };
  const messageId = textOf(fields['originalMessageId']);
  const deviceId = textOf(fields['deviceId']);
  const deviceGenerationId = textOf(fields['deviceGenerationId']);
  const description = textOf(fields['description']);
  const outcome = FEEDBACK_OUTCOMES.find((known) => known === fields['statusCode']);
  const at = timeOf(fields['enqueuedTimeUtc']);
  // Of a message that was sent without an id.
  if (messageId === undefined) return 'record-has-no-message-id';
  if (deviceId === undefined) return 'record-has-no-device-id';
  if (outcome === undefined) return 'record-has-an-unknown-status';
  if (at === undefined) return 'record-has-no-time';
  return {
    messageId,
    deviceId,
    outcome: outcome satisfies FeedbackOutcome,
    at,
    ...(deviceGenerationId !== undefined && { deviceGenerationId }),
    ...(description !== undefined && { description }),
  };
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Always UTC, as its name says: also where the zone is left out, which JavaScript takes for local time. */
function timeOf(value: unknown): number | undefined {
  if (typeof value !== 'string' || !/^\d{4}-\d{2}-\d{2}T/.test(value)) return undefined;
  const hasZone = /(Z|[+-]\d{2}:?\d{2})$/i.test(value);
  const at = Date.parse(hasZone ? value : `${value}Z`);
  return Number.isNaN(at) ? undefined : at;
}
