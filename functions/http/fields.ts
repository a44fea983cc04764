import * as z from 'zod';
import { DEVICE_ID } from '../devices/device.ts';

export const deviceIdField = z
  .string()
  .regex(
    DEVICE_ID,
    "must have 1 to 128 characters: ASCII letters, digits and - : . + % _ # * ? ! ( ) , = @ ; $ '",
  );

/**
 * What IoT Hub allows in a message id.
 * https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-messages-construct
 */
export const messageIdField = z
  .string()
  .regex(
    /^[A-Za-z0-9\-:.+%_#*?!(),=@;$']{1,128}$/,
    "must have 1 to 128 characters: ASCII letters, digits and - : . + % _ # * ? ! ( ) , = @ ; $ '",
  );

/** A method's name as device SDKs and the hub take it. https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-direct-methods */
export const methodNameField = z
  .string()
  .regex(/^[\u0021-\u007E]{1,100}$/, 'must be 1 to 100 printable ASCII characters')
  .refine(
    (name) => !/[$()<>@,;:\\"/[\]?={}]/.test(name),
    'must not hold $ ( ) < > @ , ; : \\ " / [ ] ? = { }',
  );

/** An invocation's id: a UUID, or what an idempotency key stands for. */
export const invocationIdField = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,128}$/, 'must have 1 to 128 characters: ASCII letters, digits, - and _');

export const idempotencyKeyField = z
  .string()
  .regex(/^[\u0021-\u007E]{1,256}$/, 'must be 1 to 256 printable ASCII characters');

/** A whole number in a query string. */
export function wholeNumberField(range: { min: number; max: number }): z.ZodType<number, string> {
  const message = `must be a whole number from ${range.min} to ${range.max}`;
  return z
    .string()
    .regex(/^\d{1,9}$/, message)
    .transform(Number)
    .refine((value) => value >= range.min && value <= range.max, message)
    .meta({ type: 'integer', minimum: range.min, maximum: range.max });
}

export const timeField = z.iso
  .datetime({ offset: true, error: 'must be a time such as 2026-01-31T12:00:00Z' })
  .transform((text) => Date.parse(text));

/** How long a reader of one message or invocation may wait for it to become final. */
export const MAX_RESOURCE_WAIT_SECONDS = 30;
export const resourceWaitField = wholeNumberField({ min: 1, max: MAX_RESOURCE_WAIT_SECONDS });

export const continuationTokenField = z.string().min(1).max(4096);

export const MAX_LIST_LIMIT = 200;
export const listLimitField = wholeNumberField({ min: 1, max: MAX_LIST_LIMIT });
export const DEFAULT_LIST_LIMIT = 50;
