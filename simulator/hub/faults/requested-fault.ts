import type { HubErrorKind } from '../state/hub-error.ts';

/** The links of a device, as the SDKs' tests name them: requests are what asks, answers what is said to that. */
export type FaultyLink =
  | 'cbsRequests'
  | 'cbsAnswers'
  | 'messages'
  | 'events'
  | 'methodRequests'
  | 'methodAnswers'
  | 'twinRequests'
  | 'twinAnswers';

/** What a device's connection is to meet. */
export type ConnectionFault =
  /** Cut without a word. */
  | { readonly kind: 'drop' }
  /** Ended in good order below AMQP or MQTT, with no farewell of theirs. */
  | { readonly kind: 'hangUp' }
  | { readonly kind: 'endSession' }
  | { readonly kind: 'detach'; readonly link: FaultyLink };

type RequestedEffect =
  | ConnectionFault
  /** What the device sends is refused. */
  | { readonly kind: 'refuseEvents'; readonly error: HubErrorKind };

export interface RequestedFault {
  readonly type: string;
  readonly effect: RequestedEffect;
  readonly reason: string;
  readonly delayMs: number;
  /** How long new connections, or what the device sends, are refused then. */
  readonly durationMs: number;
}

/** What the end-to-end tests of the official SDKs ask the service for. */
const EFFECTS: Readonly<Record<string, RequestedEffect>> = {
  KillTcp: { kind: 'drop' },
  KillAmqpConnection: { kind: 'hangUp' },
  ShutDownAmqp: { kind: 'hangUp' },
  ShutDownMqtt: { kind: 'hangUp' },
  KillAmqpSession: { kind: 'endSession' },
  KillAmqpCBSLinkReq: { kind: 'detach', link: 'cbsRequests' },
  KillAmqpCBSLinkResp: { kind: 'detach', link: 'cbsAnswers' },
  KillAmqpC2DLink: { kind: 'detach', link: 'messages' },
  KillAmqpD2CLink: { kind: 'detach', link: 'events' },
  KillAmqpMethodReqLink: { kind: 'detach', link: 'methodRequests' },
  KillAmqpMethodRespLink: { kind: 'detach', link: 'methodAnswers' },
  KillAmqpTwinLinkReq: { kind: 'detach', link: 'twinRequests' },
  KillAmqpTwinLinkResp: { kind: 'detach', link: 'twinAnswers' },
  InvokeThrottling: { kind: 'refuseEvents', error: 'throttled' },
  InvokeMaxMessageQuota: { kind: 'refuseEvents', error: 'quotaExceeded' },
  InvokeAuthError: { kind: 'refuseEvents', error: 'unauthorized' },
};

const TYPE = 'AzIoTHub_FaultOperationType';
const REASON = 'AzIoTHub_FaultOperationCloseReason';
const DELAY = 'AzIoTHub_FaultOperationDelayInSecs';
const DURATION = 'AzIoTHub_FaultOperationDurationInSecs';
/** One hour: no test waits longer. */
const LONGEST_MS = 60 * 60 * 1000;

/** By the properties of a device-to-cloud message; undefined for any that asks for no fault the hub knows. */
export function requestedFault(
  properties: Readonly<Record<string, string>>,
): RequestedFault | undefined {
  const type = propertyOf(properties, TYPE);
  if (type === undefined || !Object.hasOwn(EFFECTS, type)) return undefined;
  const effect = EFFECTS[type];
  return (
    effect && {
      type,
      effect,
      reason: propertyOf(properties, REASON) ?? '',
      delayMs: msOf(propertyOf(properties, DELAY)),
      durationMs: msOf(propertyOf(properties, DURATION)),
    }
  );
}

/** Over HTTPS the names come in lower case. */
function propertyOf(
  properties: Readonly<Record<string, string>>,
  name: string,
): string | undefined {
  return properties[name] ?? properties[name.toLowerCase()];
}

function msOf(seconds: string | undefined): number {
  const ms = Number(seconds ?? 0) * 1000;
  return ms >= 0 ? Math.min(ms, LONGEST_MS) : 0;
}
