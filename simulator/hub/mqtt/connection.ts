import type { Duplex } from 'node:stream';
import mqttPacket from 'mqtt-packet';
import type { IConnectPacket, Packet } from 'mqtt-packet';

import type { Authenticator } from '../auth/authenticator.ts';
import type { ClientCertificate } from '../auth/client-certificate.ts';
import type { FaultPlan } from '../faults/fault-plan.ts';
import type { HeadPeer } from '../head-listener.ts';
import type { Clock } from '../state/clock.ts';
import { HubError } from '../state/hub-error.ts';
import type { HubState } from '../state/hub-state.ts';
import type { Dismissal } from '../state/presence.ts';
import type { ConnectionInfo } from '../connection-info.ts';
import type { Payloads, WireLog } from '../wire-log.ts';
import { CONNECT_RETURN_CODES, admit, returnCodeOfFault } from './connect.ts';
import { openDeviceChannel } from './device-channel.ts';
import type { DeviceChannel } from './device-channel.ts';
import { KeepAlive } from './keep-alive.ts';
import { CONNECT_TIMEOUT_MS } from './limits.ts';
import type { LogDetail } from './log-detail.ts';
import { PacketReader, ProtocolError, ProtocolLevelError } from './packet-reader.ts';
import { handlePublish, publishWill } from './publish.ts';
import type { Sessions } from './sessions.ts';
import { handleSubscribe, handleUnsubscribe, startDeliveries } from './subscribe.ts';

export interface ConnectionContext {
  readonly state: HubState;
  readonly authenticator: Authenticator;
  readonly faults: FaultPlan;
  readonly log: WireLog;
  /** Rules keep-alive and tokens; the hub's own clock may be moved by hours in a test. */
  readonly wallClock: Clock;
  readonly sessions: Sessions;
}

// https://learn.microsoft.com/azure/iot-hub/troubleshoot-error-codes#400027-connectionforcefullyclosedonnewconnection
const DISMISSALS: Readonly<Record<Dismissal, string>> = {
  replaced: '400027 a newer connection of the device took over',
  deleted: 'the device was deleted',
  disabled: 'the device was disabled',
};

/** How long a closed connection may take to flush its last words. */
const LINGER_MS = 1_000;
const NOTHING = Buffer.alloc(0);

/** One network connection, from its first byte to its end. */
export class MqttConnection {
  readonly #stream: Duplex;
  readonly #peer: string;
  readonly #clientCertificate: () => ClientCertificate | undefined;
  readonly #context: ConnectionContext;
  readonly #reader = new PacketReader();
  /** Mute: by a planned fault the device hears nothing any more. */
  #phase: 'new' | 'connected' | 'mute' | 'closed' = 'new';
  readonly #connectedAt = Date.now();
  #connectOptions = { cleanSession: false, keepAliveSeconds: 0 };
  #isPaused = false;
  #isFarewellSaid = false;
  #channel: DeviceChannel | undefined;
  #keepAlive: KeepAlive | undefined;
  #cancelConnectTimer: () => void;
  readonly #cleanUps = new Set<() => void>();

  constructor(stream: Duplex, { name, clientCertificate }: HeadPeer, context: ConnectionContext) {
    this.#stream = stream;
    this.#peer = name;
    this.#clientCertificate = clientCertificate;
    this.#context = context;
    this.#cancelConnectTimer = this.#schedule(CONNECT_TIMEOUT_MS, () =>
      this.close('no CONNECT in time'),
    );
    stream.on('data', (chunk: Buffer) => this.#receive(chunk));
    stream.on('drain', () => this.#resume());
    stream.on('error', (error) => this.close(`connection failed: ${error.message}`));
    stream.on('close', () => this.close('the device went away'));
    this.#log('open');
  }

  close(reason: string, farewell?: Packet): void {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    this.#log('close', { reason });
    for (const cleanUp of this.#cleanUps) cleanUp();
    if (this.#stream.destroyed) return;
    const timer = setTimeout(() => this.#stream.destroy(), LINGER_MS);
    this.#stream.once('close', () => clearTimeout(timer));
    if (farewell !== undefined) this.#stream.write(mqttPacket.generate(farewell));
    this.#stream.end(() => this.#stream.destroy());
  }

  describe(): ConnectionInfo {
    const { deviceId, session, messages } = this.#channel ?? {};
    return {
      protocol: 'mqtt',
      peer: this.#peer,
      connectedAt: this.#connectedAt,
      identities: deviceId === undefined ? [] : [nameOf(deviceId)],
      unreadBytes: this.#stream.writableLength,
      ...(session &&
        messages && {
          mqtt: {
            ...this.#connectOptions,
            subscriptions: [...session.subscriptions.keys()],
            unacknowledged: messages.unacknowledged,
          },
        }),
    };
  }

  /** At once and without a farewell, as a network fails. */
  drop(): void {
    this.close('dropped');
    this.#stream.destroy();
  }

  #receive(chunk: Buffer): void {
    try {
      if (this.#phase === 'closed') return;
      for (const packet of this.#reader.packets(chunk)) {
        this.#keepAlive?.packetCame();
        this.#handle(packet);
        if (this.#isPaused || this.#isClosed()) return; // the rest stays in the reader
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  #handle(packet: Packet): void {
    if (this.#phase === 'mute') return;
    if (this.#channel !== undefined) {
      this.#handleOfDevice(packet, this.#channel);
    } else if (packet.cmd === 'connect') {
      this.#cancelConnectTimer();
      this.#handleConnect(packet);
    } else {
      throw new ProtocolError(`${packet.cmd} before CONNECT`); // [MQTT-3.1.0-1]
    }
  }

  #handleOfDevice(packet: Packet, channel: DeviceChannel): void {
    switch (packet.cmd) {
      case 'publish':
        return handlePublish(packet, channel);
      case 'puback':
        channel.state.registry.touch(channel.deviceId);
        return channel.messages.acknowledge(packet.messageId ?? 0);
      case 'subscribe':
        return handleSubscribe(packet, channel);
      case 'unsubscribe':
        return handleUnsubscribe(packet, channel);
      case 'pingreq':
        this.#send({ cmd: 'pingresp' });
        return;
      case 'disconnect':
        this.#isFarewellSaid = true; // [MQTT-3.14.4-3]
        return this.close('the device disconnected');
      case 'connect':
      case 'connack':
      case 'suback':
      case 'unsuback':
      case 'pingresp':
      case 'pubrec':
      case 'pubrel':
      case 'pubcomp':
      case 'auth':
        // A second CONNECT [MQTT-3.1.0-2], a packet of QoS 2, or one only a server sends.
        throw new ProtocolError(`Unexpected ${packet.cmd}`);
    }
  }

  #handleConnect(packet: IConnectPacket): void {
    const fault = this.#context.faults.take('mqtt-connect', packet.clientId);
    if (fault === undefined) {
      this.#connect(packet);
      return;
    }
    this.#log('fault', { kind: fault.kind });
    switch (fault.kind) {
      case 'no-answer':
        this.#phase = 'mute';
        break;
      case 'drop-connection':
        this.drop();
        break;
      case 'error':
        this.#refuse(returnCodeOfFault(fault), 'planned fault');
        break;
      case 'delay':
        this.#pause();
        this.#schedule(fault.ms, () => {
          this.#connect(packet);
          this.#resume();
        });
        break;
      case 'accept-then-no-answer':
        this.#connect(packet, { isMute: true });
        break;
      case 'accept-then-drop-connection':
        this.#connect(packet, { isMute: true });
        this.drop();
        break;
      // The others are not planned for connections: they end it all the same.
      case 'detach-link':
      case 'lose':
      case 'duplicate':
      case 'reorder':
      case 'close-connection':
        this.close('planned fault');
    }
  }

  #connect(packet: IConnectPacket, { isMute = false } = {}): void {
    const { sessions, state, wallClock, faults } = this.#context;
    const admission = admit(packet, {
      hostName: state.hostName,
      authenticator: this.#context.authenticator,
      clientCertificate: this.#clientCertificate,
    });
    if ('returnCode' in admission) {
      this.#refuse(admission.returnCode, admission.reason);
      return;
    }
    if (!state.throttles.allows('newConnections')) {
      this.#refuse(CONNECT_RETURN_CODES.serverUnavailable, '429001 too many new connections');
      return;
    }
    const { deviceId, expiresAt, modelId } = admission;
    // The closures below live as long as the connection: of the packet they keep nothing.
    const credential = packet.password?.length ? 'token' : 'certificate';
    if (faults.requested.refusesConnections(deviceId)) {
      this.#refuse(CONNECT_RETURN_CODES.serverUnavailable, 'a fault that the device asked for');
      return;
    }
    this.#cleanUps.add(state.presence.enter(deviceId, (reason) => this.close(DISMISSALS[reason])));
    const { session, isPresent } = sessions.open(deviceId, packet.clean ?? false);
    const channel = openDeviceChannel({
      deviceId,
      ...(modelId !== undefined && { modelId }),
      session,
      state,
      faults,
      connection: {
        schedule: (delayMs, run) => this.#schedule(delayMs, () => this.#guard(run)),
        drop: () => this.drop(),
        closeWith: ({ description }) => this.close(description ?? 'a planned fault'),
      },
      send: (outgoing) => this.#send(outgoing),
      unreadBytes: () => this.#stream.writableLength,
      log: (event, detail, payloads) => this.#log(event, detail, payloads),
    });
    this.#channel = channel;
    this.#connectOptions = {
      cleanSession: packet.clean ?? false,
      keepAliveSeconds: packet.keepalive ?? 0,
    };
    this.#cleanUps.add(() => channel.close());
    const { will } = packet;
    if (will) {
      this.#cleanUps.add(() => {
        if (!this.#isFarewellSaid) publishWill(will, channel);
      });
    }
    this.#phase = isMute ? 'mute' : 'connected';
    this.#keepAlive = new KeepAlive(wallClock, packet.keepalive ?? 0, () =>
      this.close('nothing heard for 1.5 times the keep-alive'),
    );
    this.#cleanUps.add(() => this.#keepAlive?.stop());
    this.#schedule(expiresAt - wallClock.now(), () =>
      this.close(`401003 the ${credential} has expired`),
    );
    this.#log('connect', { deviceId, clean: packet.clean ?? false, sessionPresent: isPresent });
    if (!isMute) {
      const returnCode = CONNECT_RETURN_CODES.accepted;
      this.#send({ cmd: 'connack', returnCode, sessionPresent: isPresent });
      startDeliveries(channel);
    }
  }

  #refuse(returnCode: number, reason: string): void {
    this.#log('connack', { returnCode });
    this.close(reason, { cmd: 'connack', returnCode, sessionPresent: false }); // [MQTT-3.2.2-4]
  }

  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (error instanceof ProtocolLevelError) {
      this.#refuse(CONNECT_RETURN_CODES.unacceptableProtocolLevel, error.message);
    } else if (error instanceof ProtocolError) {
      this.close(error.message);
    } else if (error instanceof HubError) {
      this.close(`${error.code} ${error.message}`);
    } else {
      this.close(`fault of the simulated hub: ${String(error)}`);
    }
  }

  #send(packet: Packet): boolean {
    if (this.#phase !== 'connected') return false;
    const isFlowing = this.#stream.write(mqttPacket.generate(packet));
    // Who does not read is not read from either, or its packets would pile up here.
    if (!isFlowing) this.#pause();
    return isFlowing;
  }

  #pause(): void {
    this.#isPaused = true;
    this.#stream.pause();
  }

  #resume(): void {
    if (this.#isClosed() || !this.#isPaused) return;
    this.#isPaused = false;
    this.#channel?.messages.resume();
    this.#receive(NOTHING);
    if (!this.#isPaused) this.#stream.resume();
  }

  #isClosed(): boolean {
    return this.#phase === 'closed';
  }

  #schedule(delayMs: number, run: () => void): () => void {
    const { wallClock } = this.#context;
    const cancel = wallClock.schedule(wallClock.now() + delayMs, () => {
      this.#cleanUps.delete(cancel);
      run();
    });
    this.#cleanUps.add(cancel);
    return cancel;
  }

  #log(event: string, detail: LogDetail = {}, payloads?: () => Payloads): void {
    this.#context.log.record({ protocol: 'mqtt', peer: this.#peer, event, detail }, payloads);
  }
}

function nameOf(key: string): string {
  return key.includes('/') ? `module ${key}` : `device ${key}`;
}
