import type { Socket } from 'node:net';
import type { Amqp as SdkAmqp } from 'azure-iothub/dist/common-amqp/amqp.js';
import type { SenderLink } from 'azure-iothub/dist/common-amqp/sender_link.js';

/*
 * What the SDK's AMQP connection declares private and we cannot do without. The SDK's version is pinned,
 * and the tests of the service client fail when one of these moves.
 */

interface RheaConnection {
  readonly socket?: Socket;
  on(event: string, listener: (context: { error?: unknown }) => void): void;
  close(): void;
}

interface RheaSender {
  sendable(): boolean;
  once(event: 'sendable', listener: () => void): void;
}

/** Tells each state that the connection enters, before the SDK acts on it: `connected`, `disconnecting` and so on. */
export function onStateChange(amqp: SdkAmqp, listener: (state: string) => void): void {
  const machine: { on(event: string, handler: (change: { toState: string }) => void): void } =
    Reflect.get(amqp, '_fsm');
  machine.on('transition', ({ toState }) => listener(toState));
}

/** Makes the SDK give up its links at once, instead of asking the other side first and waiting for the answer. */
export function expectNoAnswers(amqp: SdkAmqp): void {
  Reflect.set(amqp, '_disconnectionOccurred', true);
}

export function rheaConnectionOf(amqp: SdkAmqp): RheaConnection | undefined {
  return Reflect.get(amqp, '_rheaConnection');
}

/** Calls back once the other side lets us send on the link. */
export function onCredit(link: SenderLink, listener: () => void): void {
  const sender: RheaSender | null = Reflect.get(link, '_rheaSender');
  if (sender?.sendable()) listener();
  else sender?.once('sendable', listener);
}
