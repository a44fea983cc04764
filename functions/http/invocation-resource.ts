import type { Invocation } from '../methods/invocation.ts';
import { isFinalInvocation } from '../methods/invocation-lifecycle.ts';

/** An invocation as the API shows it; in lists without the payload of its result. */
export function invocationResource(
  invocation: Invocation,
  { withPayload = true }: { withPayload?: boolean } = {},
): Record<string, unknown> {
  const { result } = invocation;
  return {
    invocationId: invocation.invocationId,
    deviceId: invocation.deviceId,
    methodName: invocation.methodName,
    status: invocation.status,
    final: isFinalInvocation(invocation),
    idempotent: invocation.idempotent,
    responseTimeoutSeconds: invocation.responseTimeoutSeconds,
    connectTimeoutSeconds: invocation.connectTimeoutSeconds,
    createdAt: iso(invocation.createdAt),
    updatedAt: iso(invocation.updatedAt),
    attempt: invocation.attempt,
    history: invocation.history.map(({ status, at, detail }) => ({
      status,
      at: iso(at),
      ...(detail !== undefined && { detail }),
    })),
    result: result
      ? {
          status: result.status,
          ...(withPayload && { payload: result.payload }),
          durationMs: result.durationMs,
        }
      : null,
    failure: invocation.failure ?? null,
    fallbackMessageId: invocation.fallbackMessageId ?? null,
  };
}

export function invocationLocation({ deviceId, invocationId }: Invocation): string {
  return `/api/devices/${encodeURIComponent(deviceId)}/invocations/${encodeURIComponent(invocationId)}`;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
