import common from 'azure-iot-common';
import type { results } from 'azure-iot-common';
import device from 'azure-iot-device';
import type { Client, DeviceMethodRequest, DeviceMethodResponse, Message } from 'azure-iot-device';

import { everyMethodMqtt } from './every-method-mqtt.ts';
import type { CuttableTransport } from './every-method-mqtt.ts';

export interface DeviceConnectionOptions {
  readonly connectionString: string;
  readonly certificateAuthorityPem?: string | undefined;
  readonly onMessage: (message: Message) => void;
  readonly onMethod: (request: DeviceMethodRequest, response: DeviceMethodResponse) => void;
  /** Called at most once, when the open connection is lost; it is of no more use then. */
  readonly onLost: (reason: Error) => void;
}

/** On a network that swallows everything, TLS would wait minutes for the other side's farewell. */
const CLOSE_TIMEOUT_MS = 5_000;

/**
 * One connection of the official SDK over MQTT, without the SDK's retries: they cannot be called
 * off, so a stopped device would come back to life up to four minutes later.
 */
export class DeviceConnection {
  readonly #options: DeviceConnectionOptions;
  readonly #client: Client;
  #transport: CuttableTransport | undefined;
  #phase: 'new' | 'opening' | 'open' | 'over' = 'new';
  #settleOpening: (error?: Error) => void = () => {};

  constructor(options: DeviceConnectionOptions) {
    this.#options = options;
    this.#client = device.Client.fromConnectionString(
      options.connectionString,
      everyMethodMqtt({
        created: (transport) => {
          this.#transport = transport;
        },
        methodCalled: options.onMethod,
        messagesEnabled: (error) => (error ? this.#end(error) : this.#enableMethods()),
        methodsEnabled: (error) => (error ? this.#end(error) : this.#opened()),
      }),
    );
    this.#client.setRetryPolicy(new common.NoRetry());
    this.#client.on('error', (error: Error) => this.#end(error));
    this.#client.on('disconnect', (result?: results.Disconnected) => {
      const cause: unknown = result?.transportObj;
      this.#end(cause instanceof Error ? cause : new Error('The connection was closed.'));
    });
  }

  /** Settles when messages and methods can arrive; rejects when the hub is away or refuses. */
  async open(): Promise<void> {
    this.#phase = 'opening';
    const opened = new Promise<void>((resolve, reject) => {
      this.#settleOpening = (error) => (error ? reject(error) : resolve());
    });
    if (this.#options.certificateAuthorityPem !== undefined) {
      await this.#client.setOptions({ ca: this.#options.certificateAuthorityPem });
    }
    if (this.#phase === 'opening') {
      // A session kept by the hub delivers at once, and the SDK acknowledges and drops what nobody
      // listens for: so listen first. Listening is also what makes the SDK connect.
      this.#client.on('message', this.#options.onMessage);
    }
    await opened;
  }

  async send(event: Message): Promise<void> {
    await this.#client.sendEvent(event);
  }

  async close(): Promise<void> {
    this.#end(new Error('The connection was closed before it was open.'));
    let timer: NodeJS.Timeout | undefined;
    const timedOut = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_TIMEOUT_MS);
    });
    await Promise.race([this.#client.close(), timedOut]);
    clearTimeout(timer);
    this.#transport?.cut();
  }

  #enableMethods(): void {
    if (this.#phase === 'opening') {
      // Registering any one name subscribes to the methods of every name.
      this.#client.onDeviceMethod('*', this.#options.onMethod);
    }
  }

  #opened(): void {
    if (this.#phase === 'opening') {
      this.#phase = 'open';
      this.#settleOpening();
    }
  }

  #end(reason: Error): void {
    const phase = this.#phase;
    this.#phase = 'over';
    if (phase === 'opening') {
      this.#settleOpening(reason);
    } else if (phase === 'open') {
      this.#options.onLost(reason);
    }
  }
}
