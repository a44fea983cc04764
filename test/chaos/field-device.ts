import common from 'azure-iot-common';
import device from 'azure-iot-device';
import { Amqp } from 'azure-iot-device-amqp';
import { Mqtt } from 'azure-iot-device-mqtt';
import { commandNumber, commandOf, speaksAmqp } from './command.ts';

const RECONNECT_MS = 250;
export const METHOD_NAME = 'work';
/** What a method's device answers; `silent` answers nothing. */
export const METHOD_STATUS = { ok: 200, fails: 500 } as const;

/** A device on the official SDK that settles each message as its command says, and comes back whenever it is cut off. */
export class FieldDevice {
  readonly deviceId: string;
  readonly #connectionString: string;
  readonly #seed: number;
  readonly #deliveries = new Map<string, number>();
  readonly #ran: Map<number, number>;
  #client: device.Client | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isWanted = false;
  #isOpening = false;

  constructor(options: {
    deviceId: string;
    connectionString: string;
    seed: number;
    /** How often each command's method ran. */
    ran: Map<number, number>;
  }) {
    this.deviceId = options.deviceId;
    this.#connectionString = options.connectionString;
    this.#seed = options.seed;
    this.#ran = options.ran;
  }

  get isOnline(): boolean {
    return this.#client !== undefined && !this.#isOpening;
  }

  comeOnline(): void {
    this.#isWanted = true;
    void this.#open();
  }

  /** In the middle of whatever it was doing. */
  async vanish(): Promise<void> {
    this.#isWanted = false;
    clearTimeout(this.#timer);
    await this.#drop();
  }

  async #open(): Promise<void> {
    if (this.#client || !this.#isWanted) return;
    const transport = speaksAmqp(this.deviceId) ? Amqp : Mqtt;
    const client = device.Client.fromConnectionString(this.#connectionString, transport);
    this.#client = client;
    this.#isOpening = true;
    client.setRetryPolicy(new common.NoRetry());
    const lost = () => {
      if (this.#client === client) void this.#drop().then(() => this.#retry());
    };
    client.on('disconnect', lost);
    client.on('error', lost);
    client.on('message', (message: common.Message) => this.#settle(client, message));
    try {
      await client.open();
      client.onDeviceMethod(METHOD_NAME, (request, response) => this.#run(request, response));
      this.#isOpening = false;
    } catch {
      lost();
    }
  }

  #retry(): void {
    clearTimeout(this.#timer);
    if (this.#isWanted) this.#timer = setTimeout(() => void this.#open(), RECONNECT_MS);
  }

  async #drop(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    this.#isOpening = false;
    client?.removeAllListeners();
    // What a dying client still has to say is nobody's business any more.
    client?.on('error', () => undefined);
    await client?.close().catch(() => undefined);
  }

  #run(request: device.DeviceMethodRequest, response: device.DeviceMethodResponse): void {
    const { number } = request.payload as { number: number };
    this.#ran.set(number, (this.#ran.get(number) ?? 0) + 1);
    const { methodAnswer } = commandOf(this.#seed, number);
    if (methodAnswer === 'silent') return;
    response.send(METHOD_STATUS[methodAnswer], { number }, () => undefined);
  }

  #settle(client: device.Client, message: common.Message): void {
    const { messageId } = message;
    const number = commandNumber(messageId);
    const settlement =
      number === undefined
        ? { kind: 'complete' as const }
        : commandOf(this.#seed, number).settlement;
    const times = (this.#deliveries.get(messageId) ?? 0) + 1;
    this.#deliveries.set(messageId, times);
    const done = () => undefined;
    if (settlement.kind === 'reject') client.reject(message, done);
    else if (settlement.kind === 'abandon' && times <= settlement.times)
      client.abandon(message, done);
    else if (settlement.kind === 'forget-once' && times === 1) return;
    else client.complete(message, done);
  }
}
