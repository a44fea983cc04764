export interface ErrorTexts {
  readonly condition?: string;
  readonly description?: string;
}

export interface ErrorEffect extends ErrorTexts {
  readonly kind: 'error';
  readonly httpStatus?: number;
  readonly code?: number;
}

export type FaultEffect =
  /** Nothing is done, nothing is said. */
  | { readonly kind: 'no-answer' }
  /** The work is done, the answer never sent. */
  | { readonly kind: 'accept-then-no-answer' }
  | { readonly kind: 'delay'; readonly ms: number }
  /** Cut without a word. */
  | { readonly kind: 'drop-connection' }
  | { readonly kind: 'accept-then-drop-connection' }
  /** In good order: over AMQP with a Close frame. */
  | ({ readonly kind: 'close-connection' } & ErrorTexts)
  | ({ readonly kind: 'detach-link' } & ErrorTexts)
  | ErrorEffect
  /** Of feedback. */
  | { readonly kind: 'lose' }
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'reorder' };

const ANSWERED: readonly FaultEffect['kind'][] = [
  'no-answer',
  'accept-then-no-answer',
  'delay',
  'drop-connection',
  'accept-then-drop-connection',
  'close-connection',
  'error',
];
/** On the way to a device there is nothing to answer. */
const TO_DEVICE: readonly FaultEffect['kind'][] = [
  'no-answer',
  'delay',
  'drop-connection',
  'close-connection',
];
const FROM_DEVICE: readonly FaultEffect['kind'][] = [...TO_DEVICE, 'accept-then-drop-connection'];
const OF_FEEDBACK: readonly FaultEffect['kind'][] = ['lose', 'duplicate', 'delay', 'reorder'];

export const FAULT_POINTS = [
  'amqp-put-token',
  'amqp-attach',
  'amqp-send',
  'https-request',
  'mqtt-connect',
  'mqtt-subscribe',
  'device-event',
  'device-message',
  'device-settlement',
  'method-request',
  'method-answer',
  'twin-request',
  'twin-notification',
  'feedback-record',
  'feedback-batch',
] as const;
export type FaultPoint = (typeof FAULT_POINTS)[number];

/** Which faults can be planned where. */
export const EFFECTS_AT: Readonly<Record<FaultPoint, readonly FaultEffect['kind'][]>> = {
  'amqp-put-token': ANSWERED,
  'amqp-attach': [...ANSWERED, 'detach-link'],
  'amqp-send': [...ANSWERED, 'detach-link'],
  'https-request': ANSWERED,
  'mqtt-connect': ANSWERED,
  'mqtt-subscribe': ANSWERED,
  'device-event': ANSWERED,
  'device-message': TO_DEVICE,
  'device-settlement': FROM_DEVICE,
  'method-request': TO_DEVICE,
  'method-answer': FROM_DEVICE,
  'twin-request': ANSWERED,
  'twin-notification': TO_DEVICE,
  'feedback-record': OF_FEEDBACK,
  'feedback-batch': OF_FEEDBACK,
};

export function isPossible(point: FaultPoint, { kind }: Pick<FaultEffect, 'kind'>): boolean {
  return EFFECTS_AT[point].includes(kind);
}
