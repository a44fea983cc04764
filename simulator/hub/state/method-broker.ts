import { randomInt } from 'node:crypto';
import type { Clock } from './clock.ts';
import type { Deadlines } from './deadlines.ts';
import type { DeviceRegistry } from './device-registry.ts';
import { HubError } from './hub-error.ts';
import { nameInWords } from './identity-key.ts';
import type { HubSettings } from './settings.ts';
import type { Throttles } from './throttles.ts';

export interface MethodRequest {
  readonly requestId: string;
  readonly methodName: string;
  /** JSON text. */
  readonly payload: Buffer;
}

export interface MethodCall {
  /** Or a module, by its key. */
  readonly deviceId: string;
  readonly methodName: string;
  readonly payload: Buffer;
  readonly responseTimeoutMs: number;
  readonly connectTimeoutMs: number;
  /** The caller no longer waits. */
  readonly signal?: AbortSignal;
}

export interface MethodResult {
  readonly status: number;
  /** JSON text, as the device sent it. */
  readonly payload: Buffer;
}

export interface MethodDependencies {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly settings: HubSettings['methods'];
  readonly registry: DeviceRegistry;
  readonly throttles: Throttles;
}

type Handler = (request: MethodRequest) => void;

interface Invocation {
  readonly call: MethodCall;
  readonly resolve: (result: MethodResult) => void;
  readonly reject: (error: Error) => void;
  requestId: string | undefined;
  cancelTimer: () => void;
}

interface DeviceMethods {
  /** The newest takes the calls. */
  readonly handlers: Handler[];
  readonly waitingToConnect: Set<Invocation>;
  readonly waitingForAnswer: Map<string, Invocation>;
}

/** https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-direct-methods */
export class MethodBroker {
  readonly #dependencies: MethodDependencies;
  readonly #devices = new Map<string, DeviceMethods>();
  /** Does not begin anew with the hub: an answer to a call before a restart must not meet a call after it. */
  #lastRequest = randomInt(2 ** 31);

  constructor(dependencies: MethodDependencies) {
    this.#dependencies = dependencies;
    dependencies.registry.onRevoked((deviceId) => this.#revoke(deviceId));
  }

  /** The device takes methods from now on; returns detach. */
  attach(deviceId: string, handler: Handler): () => void {
    const device = this.#device(deviceId);
    device.handlers.push(handler);
    const waiting = [...device.waitingToConnect];
    device.waitingToConnect.clear();
    for (const invocation of waiting) this.#handOver(device, invocation);
    return () => {
      const place = device.handlers.indexOf(handler);
      if (place >= 0) device.handlers.splice(place, 1);
      this.#tidy(deviceId);
    };
  }

  /** False: nobody waits for this answer (any more). */
  respond(deviceId: string, requestId: string, status: number, payload: Buffer): boolean {
    this.#dependencies.deadlines.runDue();
    const invocation = this.#devices.get(deviceId)?.waitingForAnswer.get(requestId);
    if (!invocation) return false;
    this.#end(invocation);
    if (payload.length > 0) this.#dependencies.throttles.meter([payload.length]);
    invocation.resolve({ status, payload });
    return true;
  }

  /** Rejects with `deviceNotFound`, `deviceNotOnline`, `gatewayTimeout`, `maximumInflightMethods`, what `Throttles.admit` throws, or the signal's reason. */
  async invoke(call: MethodCall): Promise<MethodResult> {
    const { deadlines, registry, settings, throttles } = this.#dependencies;
    deadlines.runDue();
    throttles.admitMethod(call.payload.length);
    registry.getEnabled(call.deviceId);
    call.signal?.throwIfAborted();
    const inFlight = this.#inFlight(call.deviceId);
    if (inFlight >= settings.maxInFlightPerDevice) {
      throw new HubError(
        'maximumInflightMethods',
        `${inFlight} methods of the ${nameInWords(call.deviceId)} are in flight; more are not taken`,
      );
    }
    // Calls of devices that are not there are charged as well.
    throttles.meter([call.payload.length]);
    return new Promise<MethodResult>((resolve, reject) => {
      const device = this.#device(call.deviceId);
      const onAbort = (): void => this.#fail(invocation, call.signal?.reason);
      const invocation: Invocation = {
        call,
        resolve: (result) => {
          call.signal?.removeEventListener('abort', onAbort);
          resolve(result);
        },
        reject: (error) => {
          call.signal?.removeEventListener('abort', onAbort);
          reject(error);
        },
        requestId: undefined,
        cancelTimer: () => {},
      };
      call.signal?.addEventListener('abort', onAbort);
      if (device.handlers.length > 0) this.#handOver(device, invocation);
      else this.#waitToConnect(device, invocation);
    });
  }

  /** For inspection. */
  inFlight(deviceId: string): number {
    this.#dependencies.deadlines.runDue();
    return this.#inFlight(deviceId);
  }

  #inFlight(deviceId: string): number {
    const device = this.#devices.get(deviceId);
    return device ? device.waitingToConnect.size + device.waitingForAnswer.size : 0;
  }

  #waitToConnect(device: DeviceMethods, invocation: Invocation): void {
    const { clock, deadlines } = this.#dependencies;
    const { deviceId, connectTimeoutMs } = invocation.call;
    const giveUp = (): void =>
      this.#fail(
        invocation,
        new HubError('deviceNotOnline', `The ${nameInWords(deviceId)} is not online`),
      );
    device.waitingToConnect.add(invocation);
    if (connectTimeoutMs <= 0) giveUp();
    else invocation.cancelTimer = deadlines.schedule(clock.now() + connectTimeoutMs, giveUp);
  }

  #handOver(device: DeviceMethods, invocation: Invocation): void {
    const { clock, deadlines } = this.#dependencies;
    const { deviceId, methodName, payload, responseTimeoutMs } = invocation.call;
    invocation.cancelTimer();
    const requestId = (++this.#lastRequest).toString(16);
    invocation.requestId = requestId;
    invocation.cancelTimer = deadlines.schedule(clock.now() + responseTimeoutMs, () =>
      this.#fail(
        invocation,
        new HubError(
          'gatewayTimeout',
          `The ${nameInWords(deviceId)} did not answer the method within ${responseTimeoutMs} ms`,
        ),
      ),
    );
    device.waitingForAnswer.set(requestId, invocation);
    device.handlers.at(-1)?.({ requestId, methodName, payload });
  }

  /** The device stays away: nobody asks it, or waits for it to come or to answer. */
  #revoke(deviceId: string): void {
    const device = this.#devices.get(deviceId);
    if (!device) return;
    device.handlers.length = 0;
    for (const invocation of [...device.waitingToConnect, ...device.waitingForAnswer.values()]) {
      const error = new HubError(
        'deviceNotFound',
        `The ${nameInWords(deviceId)} was deleted or disabled during the call`,
      );
      this.#fail(invocation, error);
    }
    this.#tidy(deviceId);
  }

  #fail(invocation: Invocation, error: Error): void {
    this.#end(invocation);
    invocation.reject(error);
  }

  #end(invocation: Invocation): void {
    invocation.cancelTimer();
    const device = this.#devices.get(invocation.call.deviceId);
    device?.waitingToConnect.delete(invocation);
    if (invocation.requestId !== undefined) device?.waitingForAnswer.delete(invocation.requestId);
    this.#tidy(invocation.call.deviceId);
  }

  #device(deviceId: string): DeviceMethods {
    const known = this.#devices.get(deviceId);
    if (known) return known;
    const device = {
      handlers: [],
      waitingToConnect: new Set<Invocation>(),
      waitingForAnswer: new Map<string, Invocation>(),
    };
    this.#devices.set(deviceId, device);
    return device;
  }

  #tidy(deviceId: string): void {
    const device = this.#devices.get(deviceId);
    if (device && device.handlers.length === 0 && this.#inFlight(deviceId) === 0)
      this.#devices.delete(deviceId);
  }
}
