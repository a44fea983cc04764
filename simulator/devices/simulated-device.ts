import type { DeviceMethodRequest, DeviceMethodResponse, Message } from 'azure-iot-device';

import { parseDeviceConnectionString } from './device-connection-string.ts';
import { DeviceConnection } from './device-connection.ts';
import { messageLines, methodLines } from './device-lines.ts';
import { DEFAULT_METHOD_ANSWER } from './method-answer.ts';
import type { MethodAnswer, MethodCall } from './method-answer.ts';
import { receiptOf } from './receipt.ts';

export interface SimulatedDeviceOptions {
  readonly connectionString: string;
  /** Of the hub's certificate, when that is not one of the authorities Node trusts anyway. */
  readonly certificateAuthorityPem?: string;
  /** `host:port` to connect to when it is not port 8883 of the hub's own name. */
  readonly gatewayHostName?: string;
  /** Answers by method name; every other method gets DEFAULT_METHOD_ANSWER. */
  readonly methodAnswers?: Readonly<Record<string, MethodAnswer>>;
  /** Asked first; `undefined` leaves the answer to `methodAnswers`. */
  readonly onMethod?: (call: MethodCall) => MethodAnswer | undefined;
  /** How long to wait before each attempt to come back; the last one repeats. */
  readonly reconnectDelaysMs?: readonly number[];
  readonly print: (line: string) => void;
}

export interface SimulatedDevice {
  readonly deviceId: string;
  readonly isConnected: boolean;
  readonly messagesReceived: number;
  readonly methodsAnswered: number;
  stop(): Promise<void>;
}

const RECONNECT_DELAYS_MS = [500, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000];

/** Settles once messages and methods can arrive; rejects when the first connection fails. */
export async function startSimulatedDevice(
  options: SimulatedDeviceOptions,
): Promise<SimulatedDevice> {
  const device = new RunningDevice(options);
  await device.start();
  return device;
}

class RunningDevice implements SimulatedDevice {
  readonly deviceId: string;
  messagesReceived = 0;
  methodsAnswered = 0;
  readonly #options: SimulatedDeviceOptions;
  readonly #address: string;
  readonly #connectionString: string;
  #connection: DeviceConnection | undefined;
  #isOpen = false;
  #isStopped = false;
  #failedAttempts = 0;
  #reconnectTimer: NodeJS.Timeout | undefined;

  constructor(options: SimulatedDeviceOptions) {
    const parsed = parseDeviceConnectionString(options.connectionString, options.gatewayHostName);
    this.deviceId = parsed.deviceId;
    this.#address = parsed.address;
    this.#connectionString = parsed.text;
    this.#options = options;
  }

  get isConnected(): boolean {
    return this.#isOpen;
  }

  async start(): Promise<void> {
    try {
      await this.#connect();
    } catch (error) {
      await this.stop();
      throw new Error(
        `Device ${this.deviceId} could not connect to ${this.#address}: ${reasonOf(error)}`,
        { cause: error },
      );
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#isOpen = false;
    clearTimeout(this.#reconnectTimer);
    await this.#connection?.close();
    this.#connection = undefined;
  }

  async #connect(): Promise<void> {
    const connection = new DeviceConnection({
      connectionString: this.#connectionString,
      certificateAuthorityPem: this.#options.certificateAuthorityPem,
      onMessage: (message) => this.#receive(message),
      onMethod: (request, response) => this.#answer(request, response),
      onLost: (reason) => this.#lost(reason),
    });
    this.#connection = connection;
    await connection.open();
    this.#isOpen = true;
    this.#failedAttempts = 0;
    this.#options.print(`Device ${this.deviceId} is connected to ${this.#address}.`);
  }

  #receive(message: Message): void {
    this.messagesReceived += 1;
    this.#print(messageLines(message, this.messagesReceived));
    const receipt = receiptOf(message, this.messagesReceived);
    if (receipt) void this.#sendReceipt(receipt);
  }

  async #sendReceipt(receipt: Message): Promise<void> {
    try {
      await this.#connection?.send(receipt);
    } catch (error) {
      this.#options.print(
        `The receipt of ${receipt.correlationId} was not sent: ${reasonOf(error)}`,
      );
    }
  }

  #answer(request: DeviceMethodRequest, response: DeviceMethodResponse): void {
    const call: MethodCall = { methodName: request.methodName, payload: request.payload };
    this.#print(methodLines(call.methodName, call.payload));
    const sent = (error?: Error): void => {
      if (error) {
        this.#options.print(`Answer to ${call.methodName} was not sent: ${reasonOf(error)}`);
      } else {
        this.methodsAnswered += 1;
      }
    };
    try {
      const answer = this.#answerTo(call);
      if (answer !== 'silence') {
        response.send(answer.status, answer.payload, sent);
      }
    } catch (error) {
      sent(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #answerTo(call: MethodCall): MethodAnswer {
    const answers = this.#options.methodAnswers ?? {};
    return (
      this.#options.onMethod?.(call) ??
      (Object.hasOwn(answers, call.methodName) ? answers[call.methodName] : undefined) ??
      DEFAULT_METHOD_ANSWER
    );
  }

  #lost(reason: Error): void {
    this.#isOpen = false;
    this.#reconnectLater(reason);
  }

  #reconnectLater(reason: unknown): void {
    if (this.#isStopped) {
      return;
    }
    const delays = this.#options.reconnectDelaysMs ?? RECONNECT_DELAYS_MS;
    const delayMs = delays[this.#failedAttempts] ?? delays.at(-1) ?? 0;
    this.#failedAttempts += 1;
    this.#options.print(
      `Device ${this.deviceId} is disconnected (${reasonOf(reason)}), next try in ${delayMs / 1_000} s.`,
    );
    this.#reconnectTimer = setTimeout(() => void this.#reconnect(), delayMs);
  }

  async #reconnect(): Promise<void> {
    await this.#connection?.close();
    if (this.#isStopped) {
      return;
    }
    try {
      await this.#connect();
    } catch (error) {
      this.#reconnectLater(error);
    }
  }

  #print(lines: readonly string[]): void {
    for (const line of lines) {
      this.#options.print(line);
    }
  }
}

/** The SDK calls every failure of a first connection "Not authorized" and hides the real one in it. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text
    .replace(/^mqtt\.js returned (.*) error$/s, '$1')
    .replace(/^Failure on first connection \(Not authorized\): /, '');
}
