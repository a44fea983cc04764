import { z } from 'zod';
import { AUTHENTICATION_TYPES } from './state/authentication.ts';
import { type HubSnapshot, SNAPSHOT_VERSION } from './state/hub-state.ts';
import { ALL_RIGHTS } from './state/shared-access-policies.ts';

const rights = z.enum(ALL_RIGHTS);
const time = z.number();
const count = z.number().int().nonnegative();

const identity = z.object({
  deviceId: z.string(),
  moduleId: z.string().exactOptional(),
  generationId: z.string(),
  etag: z.string(),
  status: z.enum(['enabled', 'disabled']),
  statusReason: z.string().exactOptional(),
  statusUpdatedAt: time.exactOptional(),
  connectionState: z.enum(['Connected', 'Disconnected']),
  connectionStateUpdatedAt: time.exactOptional(),
  lastActivityAt: time.exactOptional(),
  authenticationType: z.enum(AUTHENTICATION_TYPES).default('sas'),
  primaryKey: z.string(),
  secondaryKey: z.string(),
  x509Thumbprint: z
    .object({
      primaryThumbprint: z.string().exactOptional(),
      secondaryThumbprint: z.string().exactOptional(),
    })
    .exactOptional(),
  managedBy: z.string().exactOptional(),
});
const identities = z.array(z.object({ ordinal: count, identity }));

const message = z.object({
  messageId: z.string().exactOptional(),
  correlationId: z.string().exactOptional(),
  userId: z.string().exactOptional(),
  to: z.string(),
  body: z.base64(),
  contentType: z.string().exactOptional(),
  contentEncoding: z.string().exactOptional(),
  properties: z.record(z.string(), z.string()),
  ack: z.enum(['none', 'positive', 'negative', 'full']),
  sequenceNumber: count,
  enqueuedAt: time,
  expiresAt: time,
  deliveryCount: count,
});

const feedbackRecord = z.object({
  originalMessageId: z.string(),
  statusCode: z.enum(['Success', 'Expired', 'DeliveryCountExceeded', 'Rejected', 'Purged']),
  description: z.string(),
  deviceId: z.string(),
  deviceGenerationId: z.string(),
  enqueuedTimeUtc: z.string(),
});

const jsonObject = z.record(z.string(), z.unknown());
const twinProperties = z.object({ values: jsonObject, metadata: jsonObject, version: count });
const twin = z.object({
  revision: count,
  version: count,
  tags: jsonObject,
  desired: twinProperties,
  reported: twinProperties,
});

const text = z.string().exactOptional();
const event = z.object({
  body: z.base64(),
  messageId: text,
  correlationId: text,
  userId: text,
  to: text,
  contentType: text,
  contentEncoding: text,
  expiresAt: time.exactOptional(),
  createdAt: time.exactOptional(),
  componentName: text,
  interfaceId: text,
  properties: z.record(z.string(), z.string()),
  deviceId: z.string(),
  moduleId: text,
  generationId: z.string(),
  authMethod: z.string(),
  modelId: text,
  sequenceNumber: count,
  offset: count,
  enqueuedAt: time,
});
const partition = z.object({
  lastSequenceNumber: z.number().int().min(-1),
  lastOffset: z.number().int().min(-1),
  nextOffset: count,
  lastEnqueuedAt: time.exactOptional(),
  events: z.array(event),
});

/** A file may have been cut, edited or written by another version. */
export const snapshotSchema: z.ZodType<HubSnapshot> = z.object({
  version: z.literal(SNAPSHOT_VERSION),
  clockOffsetMs: z.number().nonnegative().exactOptional(),
  policies: z
    .array(
      z.object({
        name: z.string(),
        rights: z.array(rights),
        primaryKey: z.string(),
        secondaryKey: z.string(),
      }),
    )
    .refine(
      (policies) => policies.some(({ name }) => name === 'iothubowner'),
      'lack the policy iothubowner',
    ),
  devices: identities,
  modules: identities.exactOptional(),
  queues: z.array(
    z.object({
      deviceId: z.string(),
      lastSequenceNumber: count,
      messages: z.array(z.object({ attempts: count, message })),
    }),
  ),
  feedback: z.object({
    lastBatchAt: time.exactOptional(),
    pending: z.array(feedbackRecord),
    batches: z.array(
      z.object({ enqueuedAt: time, deliveryCount: count, records: z.array(feedbackRecord) }),
    ),
  }),
  twins: z.array(z.object({ deviceId: z.string(), twin })).exactOptional(),
  certificateAuthorities: z
    .array(z.object({ name: z.string(), certificatePem: z.string(), createdAt: time }))
    .exactOptional(),
  events: z
    .object({ consumerGroups: z.array(z.string()), partitions: z.array(partition) })
    .exactOptional(),
});
