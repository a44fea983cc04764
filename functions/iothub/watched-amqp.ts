import sdkAmqp from 'azure-iothub/dist/common-amqp/amqp.js';
import type { Amqp as SdkAmqp } from 'azure-iothub/dist/common-amqp/amqp.js';
import type { SenderLink } from 'azure-iothub/dist/common-amqp/sender_link.js';
import { cutOff, hangUp } from './hang-up.ts';
import {
  abandonLinks,
  newSenderLink,
  onCredit,
  onStateChange,
  rheaConnectionOf,
} from './sdk-internals.ts';

/** Where the service sends cloud-to-device messages to; the device stands in each message's `to`. */
const CLOUD_TO_DEVICE = '/messages/devicebound';

/**
 * The SDK's AMQP connection, watched and bounded. It connects once; when it is lost, another takes its place.
 *
 * - It says at once when it is lost. Unwatched, it waits 45 s for the answers of a hub that has closed the connection,
 *   and lets everything hang meanwhile.
 * - It has one link for messages, attached before the first send. Unwatched, each send that finds none attaches one.
 * - Sends that wait for an answer when it is lost fail with an error of ours. Unwatched, they get the connection's, which
 *   may look like a rejection of the message; and the SDK ties that error to itself, walks round the circle, and the
 *   process dies of it.
 * - It says when the renewal of its token failed. Unwatched, it goes on until the hub cuts it off.
 */
export class WatchedAmqp extends sdkAmqp.Amqp {
  readonly #closeTimeoutMs: number;
  readonly #lostListeners: (() => void)[] = [];
  #senderLink: SenderLink | undefined;
  #authorized = false;
  #usable = true;
  #lost = false;
  #socketError: unknown;
  #hangingUp: Promise<void> | undefined;

  constructor(closeTimeoutMs: number) {
    const settlesMessages = true;
    super(settlesMessages);
    this.#closeTimeoutMs = closeTimeoutMs;
    onStateChange(this, (state) => {
      if (state !== 'disconnecting' && state !== 'disconnected') return;
      abandonLinks(this);
      this.#lost = true;
      void this.hangUp();
      this.#senderLink?.forceDetach(new Error('The connection was lost'));
      for (const listener of this.#lostListeners.splice(0)) listener();
    });
  }

  /** False once nothing new should be begun here; what is under way may still end well. */
  get usable(): boolean {
    return this.#usable;
  }

  /** Why the connection could not be made or broke, e.g. a certificate that nobody trusts; the SDK keeps it to itself. */
  get socketError(): unknown {
    return this.#socketError;
  }

  onLost(listener: () => void): void {
    this.#lostListeners.push(listener);
  }

  override connect(...[config, done]: Parameters<SdkAmqp['connect']>): void {
    if (this.#lost) {
      done(new Error('The connection is lost; it is replaced, not mended'));
      return;
    }
    // Small frames and Nagle's algorithm cost 40 ms each time the hub delays its acknowledgement.
    super.connect({ ...config, policyOverride: { tcp_no_delay: true } }, done);
    const connection = rheaConnectionOf(this);
    connection?.on('disconnected', ({ error }) => {
      this.#socketError ??= error;
    });
    // The SDK stops listening when it gives up, and rhea writes to the console what nobody listens to.
    for (const event of ['connection_close', 'connection_error', 'error']) {
      connection?.on(event, () => undefined);
    }
  }

  override putToken(audience: string, token: string, callback: (error?: Error) => void): void {
    super.putToken(audience, token, (error) => {
      if (!error) this.#authorized = true;
      else if (this.#authorized) this.#usable = false;
      callback(error);
    });
  }

  /** Done once the hub gives credit: it refuses a link by attaching and detaching it (AMQP 1.0 §2.6.3). */
  async attachCloudToDeviceLink(): Promise<void> {
    const link = newSenderLink(this, CLOUD_TO_DEVICE);
    this.#senderLink = link;
    // Whoever waits for something on the link is told; nobody has to be told of the link itself.
    link.on('error', () => undefined);
    await new Promise<void>((resolve, reject) => {
      link.attach((error) => {
        if (error) reject(error);
        else onCredit(link, resolve);
      });
    });
  }

  override attachSenderLink(
    ...[endpoint, options, done]: Parameters<SdkAmqp['attachSenderLink']>
  ): void {
    if (endpoint === CLOUD_TO_DEVICE && this.#senderLink) done(null, this.#senderLink);
    else super.attachSenderLink(endpoint, options, done);
  }

  /** Nothing new is begun here; what is under way goes on. */
  retire(): void {
    this.#usable = false;
  }

  /** Instead of the SDK's own way to disconnect, which waits for the hub's answers without a bound. */
  async hangUp(): Promise<void> {
    this.#usable = false;
    const connection = rheaConnectionOf(this);
    this.#hangingUp ??= hangUp(connection?.socket, () => connection?.close(), this.#closeTimeoutMs);
    return this.#hangingUp;
  }

  cutOff(reason: unknown): void {
    this.#usable = false;
    cutOff(rheaConnectionOf(this)?.socket, reason);
  }
}
