import type { Socket } from 'node:net';
import type { Amqp as SdkAmqp } from 'azure-iothub/dist/common-amqp/amqp.js';
import sdkSenderLink from 'azure-iothub/dist/common-amqp/sender_link.js';
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

/**
 * Leaves the SDK nothing to take down when it disconnects. It would ask the other side to agree to each step, and wait
 * for the answers; and links that are not attached yet throw when they are taken down, now or 45 s later in a timer.
 */
export function abandonLinks(amqp: SdkAmqp): void {
  const tokenLinks: { forceDetach(): void } | undefined = Reflect.get(amqp, '_cbs');
  if (tokenLinks) {
    const machine: { state: string } = Reflect.get(tokenLinks, '_fsm');
    // Stops the timer that waits for answers to tokens; none runs before they are attached.
    if (machine.state === 'attached') tokenLinks.forceDetach();
  }
  Reflect.set(amqp, '_cbs', undefined);
  Reflect.set(amqp, '_senders', {});
  Reflect.set(amqp, '_receivers', {});
  Reflect.set(amqp, '_disconnectionOccurred', true);
}

export function rheaConnectionOf(amqp: SdkAmqp): RheaConnection | undefined {
  return Reflect.get(amqp, '_rheaConnection');
}

/** A link that the connection does not know, and cannot take down its own way. */
export function newSenderLink(amqp: SdkAmqp, address: string): SenderLink {
  return new sdkSenderLink.SenderLink(address, {}, Reflect.get(amqp, '_rheaSession'));
}

/** Calls back once the other side lets us send on the link. */
export function onCredit(link: SenderLink, listener: () => void): void {
  const sender: RheaSender | null = Reflect.get(link, '_rheaSender');
  if (sender?.sendable()) listener();
  else sender?.once('sendable', listener);
}
