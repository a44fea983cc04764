import { once } from 'node:events';
import tls, { type TLSSocket } from 'node:tls';
import mqttPacket, { type IConnectPacket, type IPublishPacket, type Packet } from 'mqtt-packet';

export interface RawMqttOptions {
  deviceId: string;
  clientId: string;
  userName: string;
  password: string;
  clean: boolean;
  keepAliveSeconds: number;
  will: NonNullable<IConnectPacket['will']>;
}

type PacketOf<C extends Packet['cmd']> = Extract<Packet, { cmd: C }>;

const DEADLINE_MS = 5_000;

/** MQTT by hand, for what no library would send. */
export class RawMqttClient {
  readonly #socket: TLSSocket;
  readonly #received: Packet[] = [];
  #isClosed = false;
  #wake: () => void = () => {};

  constructor(socket: TLSSocket) {
    this.#socket = socket;
    const parser = mqttPacket.parser({ protocolVersion: 4 });
    parser.on('packet', (packet) => {
      this.#received.push(packet);
      this.#wake();
    });
    socket.on('data', (chunk: Buffer) => parser.parse(chunk));
    // The other side may cut the connection at any time; `closed` is what tests ask for.
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#isClosed = true;
      this.#wake();
    });
  }

  static async open(port: number, certificateAuthorityPem: string): Promise<RawMqttClient> {
    const socket = tls.connect({ host: 'localhost', port, ca: certificateAuthorityPem });
    await once(socket, 'secureConnect');
    socket.setNoDelay(true);
    return new RawMqttClient(socket);
  }

  /** CONNECT, and in the same breath what is to follow it. */
  connect(options: Partial<RawMqttOptions> = {}, ...following: Packet[]): void {
    const { deviceId = 'device-1' } = options;
    const connect: Packet = {
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: 4,
      clean: options.clean ?? false,
      keepalive: options.keepAliveSeconds ?? 180,
      clientId: options.clientId ?? deviceId,
      username: options.userName ?? `localhost/${deviceId}/?api-version=2021-04-12`,
      password: Buffer.from(options.password ?? ''),
      ...(options.will && { will: options.will }),
    };
    const packets = [connect, ...following];
    this.sendBytes(Buffer.concat(packets.map((packet) => mqttPacket.generate(packet))));
  }

  send(packet: Packet, protocolVersion = 4): void {
    this.sendBytes(mqttPacket.generate(packet, { protocolVersion }));
  }

  sendBytes(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  publish(topic: string, payload: string | Buffer, changes: Partial<IPublishPacket> = {}): void {
    this.send({
      cmd: 'publish',
      topic,
      payload,
      qos: 1,
      messageId: 1,
      dup: false,
      retain: false,
      ...changes,
    });
  }

  async subscribe(topic: string, qos: 0 | 1 | 2 = 1): Promise<number> {
    this.send({ cmd: 'subscribe', messageId: 9, subscriptions: [{ topic, qos }] });
    const { granted } = await this.next('suback');
    return Number(granted[0]);
  }

  /** Connected, or the test fails. */
  async connected(): Promise<PacketOf<'connack'>> {
    const connack = await this.next('connack');
    if (connack.returnCode !== 0) throw new Error(`Refused with ${String(connack.returnCode)}`);
    return connack;
  }

  async next<C extends Packet['cmd']>(cmd: C): Promise<PacketOf<C>> {
    const isWanted = (packet: Packet): packet is PacketOf<C> => packet.cmd === cmd;
    await this.#until(`a ${cmd}`, () => this.#isClosed || this.#received.some(isWanted));
    const packet = this.#received.find(isWanted);
    if (packet === undefined) throw new Error(`The connection was closed before a ${cmd} came`);
    this.#received.splice(this.#received.indexOf(packet), 1);
    return packet;
  }

  received<C extends Packet['cmd']>(cmd: C): PacketOf<C>[] {
    return this.#received.filter((packet): packet is PacketOf<C> => packet.cmd === cmd);
  }

  /** After a PINGRESP everything the hub sent before is here. */
  async settled(): Promise<void> {
    this.send({ cmd: 'pingreq' });
    await this.next('pingresp');
  }

  async closed(): Promise<void> {
    await this.#until('the end of the connection', () => this.#isClosed);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Reads nothing more, so that the hub's words pile up on its way. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async #until(what: string, isMet: () => boolean): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`Waited in vain for ${what}`)), DEADLINE_MS);
    });
    try {
      while (!isMet()) {
        const changed = new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        await Promise.race([changed, timeout]);
      }
    } finally {
      clearTimeout(timer);
    }
  }
}
