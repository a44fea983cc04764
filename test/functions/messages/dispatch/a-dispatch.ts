import { DownlinkError } from '../../../../functions/errors.ts';
import type { ErrorCode } from '../../../../functions/errors.ts';
import { dispatchDevice } from '../../../../functions/messages/dispatch/dispatch-device.ts';
import type { DispatchDependencies } from '../../../../functions/messages/dispatch/dispatch-device.ts';
import type { DispatchWakeUp } from '../../../../functions/messages/dispatch/dispatch-queue.ts';
import { hubPace } from '../../../../functions/messages/dispatch/hub-pace.ts';
import type { PaceState } from '../../../../functions/messages/dispatch/hub-pace.ts';
import { queueMessage } from '../../../../functions/messages/dispatch/queue-message.ts';
import type { OutgoingMessage } from '../../../../functions/messages/message.ts';
import type { SendMessageRequest } from '../../../../functions/messages/new-message.ts';
import { tableControlRow } from '../../../../functions/storage/table-control-row.ts';
import { aSendRequest, NOON } from '../../../support/messages.ts';
import type { TestStorage } from '../../../support/storage.ts';

export const DEVICE = aSendRequest().deviceId;

/** Queued dispatch over a real table, a clock and a hub that answers as told; wake-ups are kept, not run. */
export function aDispatch(
  storage: (options: { now: () => number }) => TestStorage,
  { sendsPerSecond }: { sendsPerSecond?: number } = {},
) {
  const clock = { now: NOON };
  const now = () => clock.now;
  const { messages: store, backlog, table } = storage({ now });
  const sent: OutgoingMessage[] = [];
  const answers: ((message: OutgoingMessage) => Promise<void>)[] = [];
  const wakeUps: (DispatchWakeUp & { delayMs: number })[] = [];
  const warnings: string[] = [];
  let owners = 0;

  const queue = {
    enqueue: async (wakeUp: DispatchWakeUp, delayMs: number) => {
      wakeUps.push({ ...wakeUp, delayMs });
    },
  };
  const aPace = () =>
    hubPace({
      store: tableControlRow<PaceState>(table, 'hub-pace'),
      sendsPerSecond,
      now,
      sleep: async (ms) => {
        clock.now += ms;
      },
    });
  const dependencies: DispatchDependencies = {
    backlog,
    store,
    queue,
    pace: aPace(),
    sender: {
      send: async (message) => {
        sent.push(message);
        await answers.shift()?.(message);
      },
    },
    wakeUps: { request: async () => undefined },
    now,
    newOwner: () => `owner-${(owners += 1)}`,
    random: () => 0,
    handOverMs: 30_000,
    warn: (event) => warnings.push(event),
  };

  return {
    clock,
    dependencies,
    store,
    backlog,
    table,
    sent,
    answers,
    wakeUps,
    warnings,
    aPace,
    sentIds: () => sent.map(({ messageId }) => messageId),
    queue: async (messageId: string, overrides: Partial<SendMessageRequest> = {}) =>
      queueMessage(
        {
          store,
          backlog,
          requestDispatch: async (deviceId) => queue.enqueue({ deviceId }, 0),
          wakeUps: dependencies.wakeUps,
          now,
          warn: dependencies.warn,
        },
        aSendRequest({ messageId, ...overrides }),
      ),
    run: async (
      wakeUp: Partial<DispatchWakeUp> = {},
      overrides: Partial<DispatchDependencies> = {},
    ) => dispatchDevice({ ...dependencies, ...overrides }, { deviceId: DEVICE, ...wakeUp }),
    message: async (messageId: string) =>
      (await store.find({ deviceId: DEVICE, messageId }))?.message,
  };
}

export const refuse = (code: ErrorCode, retryAfterSeconds?: number) => async (): Promise<void> => {
  throw new DownlinkError(code, 'The hub says no.', {
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  });
};
