import type { Message } from '../../functions/messages/message.ts';
import type { SendMessageRequest } from '../../functions/messages/new-message.ts';

export const NOON = Date.parse('2026-03-01T12:00:00.000Z');

export function aMessage(overrides: Partial<Message> = {}): Message {
  return {
    deviceId: 'device-1',
    messageId: 'message-1',
    status: 'accepted',
    ack: 'full',
    createdAt: NOON,
    updatedAt: NOON,
    expiresAt: NOON + 3_600_000,
    sizeBytes: 2,
    properties: {},
    attempt: 1,
    history: [{ status: 'accepted', at: NOON }],
    contentHash: 'hash',
    handOver: { until: NOON + 30_000, owner: 'owner-1' },
    ...overrides,
  };
}

export function aSendRequest(overrides: Partial<SendMessageRequest> = {}): SendMessageRequest {
  return {
    deviceId: 'device-1',
    messageId: 'message-1',
    body: Buffer.from('{"on":true}'),
    contentType: 'application/json',
    properties: { Property: 'PropMsg_0' },
    ack: 'full',
    expiry: { ttlSeconds: 3600 },
    ...overrides,
  };
}
