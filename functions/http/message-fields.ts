import * as z from 'zod';
import { ACKS, DEFAULT_TTL_SECONDS, MAX_TTL_SECONDS } from '../messages/message.ts';
import { messageIdField, timeField } from './fields.ts';

/**
 * What IoT Hub allows in names and values of cloud-to-device properties.
 * https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-messages-construct
 */
const PROPERTY_RULE = "ASCII letters, digits and ! # $ % & ' * + - . ^ _ ` | ~";
const PROPERTY_CHARACTERS = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]*$/;
/** Names of the hub's own, and those that the service SDK takes for something else. */
const RESERVED = /^(\$\.|iothub-|authorization$|dt-subject$)/i;

const propertyName = z
  .string()
  .regex(/^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/, `has a name with other characters than ${PROPERTY_RULE}`)
  .refine((name) => !RESERVED.test(name), 'has a name that IoT Hub or its SDK keeps for itself')
  .refine((name) => name.length <= 1024, 'has a name of over 1024 characters');
const propertyValue = z
  .string('must be a string')
  .regex(PROPERTY_CHARACTERS, `may only hold ${PROPERTY_RULE}`);

const propertiesField = z
  .custom<Record<string, unknown>>(
    (value) => typeof value !== 'object' || value === null || !Object.hasOwn(value, '__proto__'),
    "must not have the name '__proto__'",
  )
  .pipe(z.record(propertyName, propertyValue))
  .meta({
    type: 'object',
    propertyNames: { pattern: PROPERTY_CHARACTERS.source, minLength: 1, maxLength: 1024 },
    additionalProperties: { type: 'string', pattern: PROPERTY_CHARACTERS.source },
  });

const headerText = z
  .string()
  .regex(
    /^[\u0021-\u007E]([\u0020-\u007E]{0,126}[\u0021-\u007E])?$/,
    'must be 1 to 128 printable ASCII characters',
  );

const BODY_FORMS = ['body', 'bodyText', 'bodyBase64'] as const;

/** The body of `POST …/messages`. */
export const sendMessageFields = z
  .strictObject({
    messageId: messageIdField.optional(),
    correlationId: messageIdField.exactOptional(),
    body: z.unknown().optional(),
    bodyText: z.string().optional(),
    bodyBase64: z.base64('must be base64').optional(),
    contentType: headerText.exactOptional(),
    contentEncoding: headerText.exactOptional(),
    properties: propertiesField.default({}),
    ack: z.enum(ACKS, `must be one of ${ACKS.join(', ')}`).default('full'),
    ttlSeconds: z
      .int('must be a whole number of seconds')
      .min(1, 'must be at least 1 second')
      .max(MAX_TTL_SECONDS, `must be at most ${MAX_TTL_SECONDS} seconds, which are 48 hours`)
      .optional(),
    expiresAt: timeField.optional(),
    awaitReceiptSeconds: z
      .int('must be a whole number of seconds')
      .min(0, 'must be at least 0')
      .max(MAX_TTL_SECONDS, `must be at most ${MAX_TTL_SECONDS} seconds, which are 48 hours`)
      .default(0),
  })
  .superRefine((fields, context) => {
    const given = BODY_FORMS.filter((form) => fields[form] !== undefined);
    for (const form of given.slice(1)) {
      const message = `cannot stand beside ${given[0]}: a message has one body`;
      context.addIssue({ code: 'custom', path: [form], message });
    }
    if (fields.ttlSeconds !== undefined && fields.expiresAt !== undefined) {
      const message = 'cannot stand beside ttlSeconds: give one of the two';
      context.addIssue({ code: 'custom', path: ['expiresAt'], message });
    }
  })
  .transform(
    ({ body, bodyText, bodyBase64, ttlSeconds, expiresAt, awaitReceiptSeconds, ...fields }) => ({
      ...fields,
      ...(awaitReceiptSeconds > 0 && { awaitReceiptSeconds }),
      ...(body !== undefined && {
        contentType: fields.contentType ?? 'application/json',
        contentEncoding: fields.contentEncoding ?? 'utf-8',
      }),
      body: bodyBytes({ body, bodyText, bodyBase64 }),
      expiry:
        expiresAt === undefined ? { ttlSeconds: ttlSeconds ?? DEFAULT_TTL_SECONDS } : { expiresAt },
    }),
  );

function bodyBytes(forms: {
  body: unknown;
  bodyText: string | undefined;
  bodyBase64: string | undefined;
}): Uint8Array {
  if (forms.bodyBase64 !== undefined) return Buffer.from(forms.bodyBase64, 'base64');
  if (forms.bodyText !== undefined) return Buffer.from(forms.bodyText);
  return forms.body === undefined ? new Uint8Array() : Buffer.from(JSON.stringify(forms.body));
}
