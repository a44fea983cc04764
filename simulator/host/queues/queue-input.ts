import { isUtf8 } from 'node:buffer';
import type { DequeuedMessageItem } from '@azure/storage-queue';
import type { InvocationInput, TypedData } from '../core-module/core-types.ts';
import type { QueueTrigger } from './queue-trigger.ts';

const BASE64 = /^(?:[a-z0-9+/]{4})*(?:[a-z0-9+/]{2}==|[a-z0-9+/]{3}=)?$/i;

/** What the real host hands to a queue function. Throws when the message is not encoded as it must be. */
export function queueInput(
  { bindingName, isBinary }: QueueTrigger,
  message: DequeuedMessageItem,
  encoding: 'base64' | 'none',
): InvocationInput {
  const body = decode(message.messageText, encoding);
  const data: TypedData =
    isBinary || !isUtf8(body) ? { bytes: body } : { string: body.toString('utf8') };
  return {
    inputData: [{ name: bindingName, data }],
    triggerMetadata: {
      QueueTrigger: data,
      DequeueCount: { int: message.dequeueCount },
      ExpirationTime: { json: JSON.stringify(message.expiresOn) },
      Id: { string: message.messageId },
      InsertionTime: { json: JSON.stringify(message.insertedOn) },
      NextVisibleTime: { json: JSON.stringify(message.nextVisibleOn) },
      PopReceipt: { json: JSON.stringify(message.popReceipt) },
    },
  };
}

/** For a run by hand: there is no message behind it. */
export function manualQueueInput({ bindingName }: QueueTrigger, text: string): InvocationInput {
  return {
    inputData: [{ name: bindingName, data: { string: text } }],
    triggerMetadata: { QueueTrigger: { string: text }, DequeueCount: { int: 0 } },
  };
}

function decode(text: string, encoding: 'base64' | 'none'): Buffer {
  if (encoding === 'none') return Buffer.from(text);
  if (!BASE64.test(text)) {
    throw new Error('the message is not base64; host.json: extensions.queues.messageEncoding');
  }
  return Buffer.from(text, 'base64');
}
