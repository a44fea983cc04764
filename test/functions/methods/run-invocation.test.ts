import { describe, expect, test } from '@jest/globals';
import { DownlinkError } from '../../../functions/errors.ts';
import type { ErrorCode } from '../../../functions/errors.ts';
import { failInvocation } from '../../../functions/methods/fail-invocation.ts';
import type { Invocation, InvokeRequest } from '../../../functions/methods/invocation.ts';
import type { InvocationKey } from '../../../functions/methods/invocation-store.ts';
import { invokeMethod } from '../../../functions/methods/invoke-method.ts';
import type { MethodResult } from '../../../functions/methods/method.ts';
import { runInvocation } from '../../../functions/methods/run-invocation.ts';
import { sweepInvocations } from '../../../functions/methods/sweep-invocations.ts';
import { waitForInvocation } from '../../../functions/methods/wait-for-invocation.ts';
import { NOON } from '../../support/messages.ts';
import { useStorage } from '../../support/storage.ts';

const storage = useStorage();
const KEY = { deviceId: 'device-1', invocationId: 'invocation-1' };
const REQUEST: InvokeRequest = {
  ...KEY,
  methodName: 'reboot',
  payload: { delay: 1 },
  responseTimeoutSeconds: 30,
  connectTimeoutSeconds: 0,
  idempotent: false,
};
const DONE: MethodResult = { status: 200, payload: { ok: true } };

/** The use cases over real storage and a clock of their own. */
function setUp(invoke: (payload: unknown) => Promise<MethodResult> = async () => DONE) {
  const { invocations, events } = storage();
  const called: unknown[] = [];
  const enqueued: { key: InvocationKey; delayMs: number }[] = [];
  const state = { now: NOON, owners: 0, fallbacks: new Set<string>(), changesToFail: 0 };
  const store: typeof invocations = {
    ...invocations,
    change: async (stored, change) => {
      if (state.changesToFail === 0) return invocations.change(stored, change);
      state.changesToFail -= 1;
      throw new DownlinkError('storage-unavailable', 'The storage is away.');
    },
  };
  const dependencies = {
    store,
    queue: {
      enqueue: async (key: InvocationKey, delayMs: number) => {
        enqueued.push({ key, delayMs });
      },
    },
    invoker: {
      invoke: async ({ payload }: { payload: unknown }) => {
        called.push(payload);
        return invoke(payload);
      },
    },
    sendFallback: async ({ invocationId }: Invocation) => {
      state.fallbacks.add(invocationId);
      return invocationId;
    },
    hasFallbackMessage: async ({ invocationId }: InvocationKey) =>
      state.fallbacks.has(invocationId),
    now: () => state.now,
    sleep: async (ms: number) => {
      state.now += ms;
    },
    newOwner: () => `owner-${(state.owners += 1)}`,
    warn: () => undefined,
  };
  return {
    state,
    store,
    events,
    called,
    enqueued,
    accept: async (overrides: Partial<InvokeRequest> = {}) =>
      invokeMethod(dependencies, { ...REQUEST, ...overrides }, { respondAsync: true }),
    call: async (overrides: Partial<InvokeRequest> = {}) =>
      invokeMethod(dependencies, { ...REQUEST, ...overrides }, { respondAsync: false }),
    run: async () => runInvocation(dependencies, KEY),
    sweep: async () => sweepInvocations(dependencies),
    get: async (waitMs = 0) => waitForInvocation(dependencies, KEY, waitMs),
    fail: async () => failInvocation(dependencies, KEY, { code: 'internal', detail: 'Why.' }),
  };
}

const never = async () => new Promise<never>(() => undefined);

describe('invokeMethod', () => {
  test('records the answer that its caller gets when the storage is back within seconds', async () => {
    const { call, get, state } = setUp(async () => {
      state.changesToFail = 3;
      return DONE;
    });

    expect(await call()).toMatchObject({ invocation: { status: 'completed' } });

    expect(await get()).toMatchObject({ status: 'completed', result: DONE });
  });

  test('gives its caller the answer when the storage stays away', async () => {
    const { call, state } = setUp(async () => {
      state.changesToFail = Infinity;
      return DONE;
    });

    expect(await call()).toMatchObject({ invocation: { status: 'completed', result: DONE } });
    expect(state.now - NOON).toBeLessThanOrEqual(5_000);
  });
});

describe('runInvocation', () => {
  test('calls the device and keeps its answer, in every step that the events tell', async () => {
    const { accept, run, get, called, events, store } = setUp();
    await accept();

    expect(await run()).toBe('completed');

    const invocation = await get();
    expect(invocation).toMatchObject({ status: 'completed', result: DONE, attempt: 1 });
    expect(invocation?.history.map(({ status }) => status)).toEqual([
      'accepted',
      'calling',
      'completed',
    ]);
    expect(invocation).not.toHaveProperty('request');
    expect(called).toEqual([{ delay: 1 }]);
    const [lane = ''] = events.lanes('device-1');
    const told = (await events.read({ lane, since: 0 })).events;
    expect(told.map(({ invocationId, status }) => `${invocationId} ${status}`)).toEqual([
      'invocation-1 accepted',
      'invocation-1 calling',
      'invocation-1 completed',
    ]);
    const { items } = await store.list({ deviceId: 'device-1', limit: 10 });
    expect(items).toMatchObject([{ status: 'completed', result: { payload: null } }]);
  });

  test('calls once however often and in parallel the queue delivers', async () => {
    const { accept, run, called } = setUp();
    await accept();

    await Promise.all(Array.from({ length: 8 }, run));
    await run();

    expect(called).toHaveLength(1);
  });

  test('keeps a result of 128 KB whose numbers grow when written anew', async () => {
    const payload = Array.from({ length: 26_000 }, () => 1e20);
    const { accept, run, get } = setUp(async () => ({ status: 200, payload }));
    await accept({ payload: '€'.repeat(43_000) });

    await run();

    expect((await get())?.result?.payload).toEqual(payload);
  });

  test.each<[ErrorCode, string]>([
    ['device-not-found', 'failed'],
    ['device-not-online', 'failed'],
    ['device-timeout', 'unknown'],
    ['device-disconnected', 'unknown'],
    ['hub-outcome-unknown', 'unknown'],
    ['bad-device-response', 'failed'],
  ])('ends with %s as %s', async (code, status) => {
    const { accept, run, get } = setUp(async () => {
      throw new DownlinkError(code, 'Why.');
    });
    await accept();

    await run();

    expect(await get()).toMatchObject({ status, failure: { code, detail: 'Why.' } });
  });

  test('tries again while the hub throttles, and gives up after two minutes', async () => {
    const { accept, run, get, state, enqueued } = setUp(async () => {
      throw new DownlinkError('throttled', 'Why.', { retryAfterSeconds: 10 });
    });
    await accept();

    expect(await run()).toBe('deferred');
    expect(await get()).toMatchObject({ status: 'accepted', attempt: 2 });
    expect(enqueued.at(-1)).toEqual({ key: KEY, delayMs: 10_000 });
    state.now += 120_000;
    expect(await run()).toBe('failed');
    expect(await get()).toMatchObject({ status: 'failed', failure: { code: 'throttled' } });
  });

  test('sends the message that stands for it when the device is not online', async () => {
    const { accept, run, get } = setUp(async () => {
      throw new DownlinkError('device-not-online', 'Why.');
    });
    await accept({ fallback: { messageTtlSeconds: 60 } });

    await run();

    expect(await get()).toMatchObject({ status: 'failed', fallbackMessageId: 'invocation-1' });
  });
});

describe('a caller that died during the call', () => {
  test('leaves an invocation that becomes unknown and is not called again', async () => {
    const { accept, run, get, sweep, state, called } = setUp(never);
    await accept();
    void run();
    while (called.length === 0) await new Promise((resolve) => setImmediate(resolve));

    state.now += 55_999;
    expect(await run()).toBe('idle');
    expect(await sweep()).toEqual({ enqueuedAgain: 0, unknown: 0 });
    expect(await get()).toMatchObject({ status: 'calling' });
    state.now += 1;
    expect(await sweep()).toEqual({ enqueuedAgain: 0, unknown: 1 });

    expect(await get()).toMatchObject({
      status: 'unknown',
      failure: { code: 'hub-outcome-unknown' },
    });
    expect(await run()).toBe('idle');
    expect(called).toHaveLength(1);
  });

  test.each(['a reader', "the queue's next delivery"])('is noticed by %s too', async (who) => {
    const { accept, run, get, state, called, store } = setUp(never);
    await accept();
    void run();
    while (called.length === 0) await new Promise((resolve) => setImmediate(resolve));
    state.now += 56_000;

    await (who === 'a reader' ? get() : run());

    expect((await store.find(KEY))?.invocation.status).toBe('unknown');
  });

  test('is called again if running twice does no harm, with the same payload', async () => {
    let dead = true;
    const { accept, run, get, sweep, state, called, enqueued } = setUp(async () =>
      dead ? never() : DONE,
    );
    await accept({ idempotent: true });
    void run();
    while (called.length === 0) await new Promise((resolve) => setImmediate(resolve));
    dead = false;
    state.now += 56_000;

    expect(await sweep()).toEqual({ enqueuedAgain: 1, unknown: 0 });
    expect(enqueued).toHaveLength(2);
    await run();

    expect(await get()).toMatchObject({ status: 'completed', attempt: 2 });
    expect(called).toEqual([{ delay: 1 }, { delay: 1 }]);
  });

  test('whose answer comes late after all has the last word', async () => {
    let answer: (result: MethodResult) => void = () => undefined;
    const { accept, run, get, sweep, state, called } = setUp(
      async () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    );
    await accept();
    const running = run();
    while (called.length === 0) await new Promise((resolve) => setImmediate(resolve));
    state.now += 56_000;
    await sweep();

    answer(DONE);
    await running;

    expect(await get()).toMatchObject({ status: 'completed', result: DONE });
    expect(await get()).not.toHaveProperty('failure');
  });

  test('after the message that stands for the call was sent: the message is named, nothing is unknown', async () => {
    const { call, get, state, called } = setUp(never);
    void call({ fallback: { messageTtlSeconds: 60 } });
    while (called.length === 0) await new Promise((resolve) => setImmediate(resolve));
    state.fallbacks.add('invocation-1');
    state.now += 56_000;

    expect(await get()).toMatchObject({
      status: 'failed',
      failure: { code: 'device-not-online' },
      fallbackMessageId: 'invocation-1',
    });
  });
});

describe('sweepInvocations', () => {
  test('puts an accepted invocation into the queue again, ever more slowly', async () => {
    const { accept, sweep, state, enqueued } = setUp();
    await accept();
    const again = async (ms: number) => {
      state.now += ms;
      return (await sweep()).enqueuedAgain;
    };

    expect(await again(59_999)).toBe(0);
    expect(await again(1)).toBe(1);
    expect(await again(119_999)).toBe(0);
    expect(await again(1)).toBe(1);
    expect(enqueued).toHaveLength(3);
  });
});

describe('waitForInvocation', () => {
  test('reads once a second at the most', async () => {
    const { accept, get, state } = setUp();
    await accept();
    const startedAt = state.now;

    expect(await get(30_000)).toMatchObject({ status: 'accepted' });
    expect(state.now - startedAt).toBe(30_000);
  });
});

describe('failInvocation', () => {
  test('ends what was not called, and leaves what was', async () => {
    const { accept, fail, get } = setUp();
    await accept();

    await fail();
    await fail();

    expect(await get()).toMatchObject({ status: 'failed', failure: { code: 'internal' } });
  });
});

describe('retention', () => {
  test('removes old invocations with all their rows', async () => {
    const { accept, run, get, store } = setUp();
    await accept();
    await run();

    expect(await store.removeCreatedBefore(NOON)).toBe(0);
    expect(await store.removeCreatedBefore(NOON + 24 * 3_600_000)).toBe(1);
    expect(await get()).toBeUndefined();
    expect((await store.list({ deviceId: 'device-1', limit: 1 })).items).toEqual([]);
  });
});
