import { describe, expect, test } from '@jest/globals';
import type { HubState } from '../../../../simulator/hub/state/hub-state.ts';
import type {
  MethodCall,
  MethodRequest,
  MethodResult,
} from '../../../../simulator/hub/state/method-broker.ts';
import { aHub, rejectedKind, SECOND } from './builders.ts';

const DEVICE = 'device-1';

function invoke(state: HubState, changes: Partial<MethodCall> = {}): Promise<MethodResult> {
  return state.methods.invoke({
    deviceId: DEVICE,
    methodName: 'reboot',
    payload: Buffer.from('{"delay":1}'),
    responseTimeoutMs: 30 * SECOND,
    connectTimeoutMs: 0,
    ...changes,
  });
}

/** Attaches a device that keeps what it is asked. */
function attach(state: HubState): { requests: MethodRequest[]; detach: () => void } {
  const requests: MethodRequest[] = [];
  return { requests, detach: state.methods.attach(DEVICE, (request) => requests.push(request)) };
}

describe('MethodBroker.invoke', () => {
  test('gives the request to the device and its answer to the caller, byte for byte', async () => {
    const { state } = aHub();
    state.methods.attach(DEVICE, ({ requestId, payload }) =>
      state.methods.respond(DEVICE, requestId, 418, payload),
    );

    const result = await invoke(state, { payload: Buffer.from(' null ') });

    expect(result).toEqual({ status: 418, payload: Buffer.from(' null ') });
  });

  test('fails at once for a device that is unknown or disabled', async () => {
    const { state } = aHub();
    state.registry.update({ deviceId: DEVICE, status: 'disabled' }, '*');

    expect(await rejectedKind(invoke(state))).toBe('deviceNotFound');
    expect(await rejectedKind(invoke(state, { deviceId: 'unknown' }))).toBe('deviceNotFound');
  });

  test('fails at once for a device that is away when it shall not wait', async () => {
    const { state } = aHub();
    const { detach } = attach(state);
    detach();

    expect(await rejectedKind(invoke(state))).toBe('deviceNotOnline');
  });

  test('waits for the device to come, and then as long again for its answer', async () => {
    const { state, clock } = aHub();
    const call = invoke(state, { connectTimeoutMs: 10 * SECOND, responseTimeoutMs: 5 * SECOND });
    clock.advance(10 * SECOND - 1);
    const { requests } = attach(state);
    clock.advance(5 * SECOND - 1);

    state.methods.respond(DEVICE, requests[0]?.requestId ?? '', 200, Buffer.from('{}'));

    expect((await call).status).toBe(200);
  });

  test('gives up on a device that does not come', async () => {
    const { state, clock } = aHub();
    const call = invoke(state, { connectTimeoutMs: 10 * SECOND });

    clock.advance(10 * SECOND);
    const { requests } = attach(state);

    expect(await rejectedKind(call)).toBe('deviceNotOnline');
    expect(requests).toEqual([]);
  });

  test('gives up on a device that does not answer; its late answer meets nobody', async () => {
    const { state, clock } = aHub();
    const { requests } = attach(state);
    const call = invoke(state);

    clock.advance(30 * SECOND);
    const isTaken = state.methods.respond(
      DEVICE,
      requests[0]?.requestId ?? '',
      200,
      Buffer.from('{}'),
    );

    expect(await rejectedKind(call)).toBe('gatewayTimeout');
    expect(isTaken).toBe(false);
  });

  test('goes on waiting for the answer while the device reconnects', async () => {
    const { state } = aHub();
    const first = attach(state);
    const call = invoke(state);
    first.detach();
    attach(state);

    state.methods.respond(DEVICE, first.requests[0]?.requestId ?? '', 200, Buffer.from('1'));

    expect((await call).payload.toString()).toBe('1');
  });

  test('keeps answers apart, in whatever order they come', async () => {
    const { state } = aHub();
    const { requests } = attach(state);
    const calls = ['a', 'b', 'c'].map((methodName) => invoke(state, { methodName }));

    for (const { requestId, methodName } of requests.toReversed())
      state.methods.respond(DEVICE, requestId, 200, Buffer.from(methodName));

    const answers = await Promise.all(calls);
    expect(answers.map(({ payload }) => payload.toString())).toEqual(['a', 'b', 'c']);
    expect(new Set(requests.map(({ requestId }) => requestId)).size).toBe(3);
  });

  test('takes no answer from another device, and none twice', async () => {
    const { state } = aHub();
    state.registry.create({ deviceId: 'device-2' });
    const { requests } = attach(state);
    state.methods.attach('device-2', () => {});
    const call = invoke(state);
    const requestId = requests[0]?.requestId ?? '';

    expect(state.methods.respond('device-2', requestId, 500, Buffer.from('1'))).toBe(false);
    expect(state.methods.respond(DEVICE, requestId, 200, Buffer.from('2'))).toBe(true);
    expect(state.methods.respond(DEVICE, requestId, 200, Buffer.from('3'))).toBe(false);

    expect(await call).toEqual({ status: 200, payload: Buffer.from('2') });
  });

  test('asks the newest connection; when that leaves, the one before it', () => {
    const { state } = aHub();
    const first = attach(state);
    const second = attach(state);
    const calls = [invoke(state)];
    second.detach();
    calls.push(invoke(state));
    second.detach();
    calls.push(invoke(state));

    expect([first.requests.length, second.requests.length]).toEqual([2, 1]);
    expect(calls).toHaveLength(3);
  });

  test('refuses more than may be in flight for one device, waiting ones included', async () => {
    const { state } = aHub({ methods: { maxInFlightPerDevice: 2 } });
    state.registry.create({ deviceId: 'device-2' });
    const waiting = [
      invoke(state, { connectTimeoutMs: SECOND }),
      invoke(state, { connectTimeoutMs: SECOND }),
    ];

    expect(await rejectedKind(invoke(state, { connectTimeoutMs: SECOND }))).toBe(
      'maximumInflightMethods',
    );
    expect(await rejectedKind(invoke(state, { deviceId: 'device-2' }))).toBe('deviceNotOnline');
    state.methods.attach(DEVICE, ({ requestId }) =>
      state.methods.respond(DEVICE, requestId, 200, Buffer.from('{}')),
    );
    await Promise.all(waiting);

    expect((await invoke(state)).status).toBe(200);
    expect(state.methods.inFlight(DEVICE)).toBe(0);
  });

  test('ends with the device when it is deleted meanwhile', async () => {
    const { state } = aHub();
    const { detach } = attach(state);
    const answering = invoke(state);
    detach();
    const connecting = invoke(state, { connectTimeoutMs: SECOND });

    state.registry.delete(DEVICE);

    expect(await rejectedKind(answering)).toBe('deviceNotFound');
    expect(await rejectedKind(connecting)).toBe('deviceNotFound');
  });

  test('does not reach the successor of a deleted device through the old connection', async () => {
    const { state } = aHub();
    const { requests, detach } = attach(state);
    state.registry.delete(DEVICE);
    state.registry.create({ deviceId: DEVICE });

    expect(await rejectedKind(invoke(state))).toBe('deviceNotOnline');
    const successor = attach(state);
    detach();
    const call = invoke(state);
    state.methods.respond(DEVICE, successor.requests[0]?.requestId ?? '', 200, Buffer.from('{}'));

    expect((await call).status).toBe(200);
    expect(requests).toEqual([]);
  });

  test('ends at once when its caller is gone', async () => {
    const { state } = aHub();
    const { requests } = attach(state);
    const controller = new AbortController();
    const call = invoke(state, { signal: controller.signal });

    controller.abort(new Error('caller gone'));

    await expect(call).rejects.toThrow('caller gone');
    expect(state.methods.inFlight(DEVICE)).toBe(0);
    const requestId = requests[0]?.requestId ?? '';
    expect(state.methods.respond(DEVICE, requestId, 200, Buffer.from('{}'))).toBe(false);
  });

  test('never reaches the device when its caller was gone before', async () => {
    const { state } = aHub();
    const { requests } = attach(state);

    const call = invoke(state, { signal: AbortSignal.abort(new Error('caller gone')) });

    await expect(call).rejects.toThrow('caller gone');
    expect(requests).toEqual([]);
  });
});
