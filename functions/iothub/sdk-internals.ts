import type { Socket } from 'node:net';
import type { Amqp as SdkAmqp } from 'azure-iothub/dist/common-amqp/amqp.js';

/*
 * What the SDK's AMQP connection declares private and we cannot do without. The SDK's version is pinned,
 * and the tests of the service client fail when one of these moves.
 */

interface RheaConnection {
  readonly socket?: Socket;
  on(event: string, listener: () => void): void;
  close(): void;
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
