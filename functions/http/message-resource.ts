import { isFinal } from '../messages/lifecycle.ts';
import type { Message } from '../messages/message.ts';

/** A message as the API shows it. */
export function messageResource(message: Message): Record<string, unknown> {
  return {
    messageId: message.messageId,
    deviceId: message.deviceId,
    ...(message.correlationId !== undefined && { correlationId: message.correlationId }),
    status: message.status,
    final: isFinal(message),
    ack: message.ack,
    createdAt: iso(message.createdAt),
    expiresAt: iso(message.expiresAt),
    updatedAt: iso(message.updatedAt),
    sizeBytes: message.sizeBytes,
    properties: message.properties,
    ...(message.contentType !== undefined && { contentType: message.contentType }),
    ...(message.contentEncoding !== undefined && { contentEncoding: message.contentEncoding }),
    attempt: message.attempt,
    ...(message.handOver && { handOverUntil: iso(message.handOver.until) }),
    history: message.history.map(({ status, at, detail }) => ({
      status,
      at: iso(at),
      ...(detail !== undefined && { detail }),
    })),
    failure: message.failure ?? null,
    receipt: message.receipt?.body ?? null,
  };
}

export function messageLocation({
  deviceId,
  messageId,
}: Pick<Message, 'deviceId' | 'messageId'>): string {
  return `/api/devices/${encodeURIComponent(deviceId)}/messages/${encodeURIComponent(messageId)}`;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
