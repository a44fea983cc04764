import type { Stack, Response } from '../support/stack.ts';

export const MESSAGES = '/api/devices/device-2/messages';

/** What waits at the hub for the device, in its order. */
export const waitingAtHub = (stack: Stack) => stack.hub.state.cloudToDevice.count('device-2');

/** Plays the device: takes the first message and completes it. */
export function take(stack: Stack): string | undefined {
  const { cloudToDevice } = stack.hub.state;
  const delivery = cloudToDevice.receive('device-2');
  if (!delivery) return undefined;
  cloudToDevice.complete('device-2', delivery.lockToken);
  return delivery.message.messageId;
}

export const queueOne = async (
  stack: Stack,
  messageId: string,
  json: object = {},
): Promise<Response> =>
  stack.call('POST', `${MESSAGES}?dispatch=queued`, { json: { messageId, ...json } });
export const show = async (
  stack: Stack,
  messageId: string,
  query = '',
): Promise<Record<string, unknown>> =>
  (await stack.call('GET', `${MESSAGES}/${messageId}${query}`)).body;
