import { describeError } from '../host-error.ts';
import type { HostLog } from '../host-log.ts';
import type { Schedule } from './schedule.ts';
import type { ScheduleMonitor, ScheduleStatus } from './schedule-monitor.ts';
import type { TimerTrigger } from './timer-trigger.ts';

export interface TimerRun {
  readonly isPastDue: boolean;
  /** undefined: the timer is not monitored. */
  readonly status: ScheduleStatus | undefined;
}

export interface TimerListenerOptions {
  readonly functionName: string;
  readonly trigger: TimerTrigger;
  readonly monitor: ScheduleMonitor | undefined;
  /** Never rejects: that a run failed was logged already. */
  readonly run: (run: TimerRun) => Promise<void>;
  readonly log: HostLog;
}

// setTimeout takes what is longer for 1 ms.
const MAX_TIMEOUT_MS = 2 ** 31 - 1;
// The real host does not monitor what comes more often.
const LEAST_MONITORED_INTERVAL_MS = 60_000;

/** Runs a function by its schedule. Runs never overlap; what is due meanwhile runs once, afterwards. */
export class TimerListener {
  readonly #options: TimerListenerOptions;
  readonly #isMonitored: boolean;
  #status: ScheduleStatus | undefined;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: TimerListenerOptions) {
    this.#options = options;
    const { useMonitor, schedule } = options.trigger;
    this.#isMonitored = useMonitor !== false && intervalOf(schedule) >= LEAST_MONITORED_INTERVAL_MS;
  }

  async start(): Promise<void> {
    const now = new Date();
    const { monitor, trigger } = this.#options;
    const stored = this.#isMonitored ? await monitor?.read() : undefined;
    this.#status = this.#currentStatus(stored, now);
    if (this.#status === undefined) return;
    await this.#remember();
    if (this.#isMonitored && this.#status.next < now) void this.#runDue(true);
    else if (trigger.runsOnStartup) void this.#runDue(false);
    else this.#arm();
  }

  /** Runs it now, whatever the schedule says, but not beside another run. */
  async runManually(): Promise<void> {
    await this.#enqueue(async () => this.#run(false));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  /** What was stored, unless it was stored under another schedule. */
  #currentStatus(stored: ScheduleStatus | undefined, now: Date): ScheduleStatus | undefined {
    const { schedule } = this.#options.trigger;
    const expected = stored && schedule.next(stored.last ?? stored.lastUpdated);
    if (expected !== undefined && expected.getTime() === stored?.next.getTime()) return stored;
    const next = schedule.next(now);
    return next && { next, lastUpdated: now };
  }

  #arm(): void {
    if (this.#isStopped || this.#status === undefined) return;
    const waitMs = Math.max(0, this.#status.next.getTime() - Date.now());
    this.#timer = setTimeout(() => this.#onTimer(), Math.min(waitMs, MAX_TIMEOUT_MS));
  }

  #onTimer(): void {
    if (this.#status !== undefined && this.#status.next.getTime() > Date.now()) this.#arm();
    else void this.#runDue(false);
  }

  async #runDue(isPastDue: boolean): Promise<void> {
    await this.#enqueue(async () => {
      const startedAt = new Date();
      await this.#run(isPastDue);
      // From the start of the run: what came due during it runs next, once.
      const next = this.#options.trigger.schedule.next(startedAt);
      this.#status = next && { last: startedAt, next, lastUpdated: startedAt };
      await this.#remember();
      this.#arm();
    });
  }

  async #enqueue(work: () => Promise<void>): Promise<void> {
    const previous = this.#running;
    this.#running = (async () => {
      await previous;
      if (!this.#isStopped) await work();
    })();
    await this.#running;
  }

  async #run(isPastDue: boolean): Promise<void> {
    const status = this.#isMonitored ? this.#status : undefined;
    await this.#options.run({ isPastDue, status });
  }

  async #remember(): Promise<void> {
    const { monitor, log, functionName } = this.#options;
    if (!this.#isMonitored || this.#status === undefined) return;
    try {
      await monitor?.write(this.#status);
    } catch (error) {
      log.write('warning', functionName, `its schedule was not saved: ${describeError(error)}`);
    }
  }
}

function intervalOf(schedule: Schedule): number {
  const first = schedule.next(new Date());
  const second = first && schedule.next(first);
  return first && second ? second.getTime() - first.getTime() : Infinity;
}
