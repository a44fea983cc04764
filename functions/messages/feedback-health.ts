/** What the watch over the feedback has seen; shared by all instances. */
export interface FeedbackWatchState {
  /** When feedback was last read, give or take a minute; 0 if never. */
  readonly lastFeedbackAt: number;
  /** Since when it cannot be read; 0 while it can. */
  readonly failingSince: number;
  /** Messages whose outcome should have come and did not, oldest first. */
  readonly overdue: readonly OverdueMessage[];
  /** What the log was told last. */
  readonly told: FeedbackHealth;
}

export interface OverdueMessage {
  readonly deviceId: string;
  readonly messageId: string;
  /** When it was found to be overdue. */
  readonly at: number;
}

export const NOTHING_SEEN: FeedbackWatchState = {
  lastFeedbackAt: 0,
  failingSince: 0,
  overdue: [],
  told: 'ok',
};

/**
 * - `unreachable`: feedback could not be read for two minutes.
 * - `silent`: outcomes of three messages are overdue, and none of any message has come since.
 * - `incomplete`: outcomes of three messages are overdue, while others come: another reader takes a part.
 */
type FeedbackHealth = 'ok' | 'unreachable' | 'silent' | 'incomplete';

export interface FeedbackReport {
  readonly state: FeedbackHealth;
  readonly detail: string;
  readonly lastFeedbackAt: number;
  readonly overdueMessages: number;
}

const FAILING_MS = 2 * 60_000;
/** One or two may be of devices that were deleted and registered again: the hub forgets their feedback. */
const MIN_OVERDUE = 3;
/** What is older says nothing about now. */
export const OVERDUE_COUNTS_MS = 60 * 60_000;

const DETAILS: Readonly<Record<FeedbackHealth, string>> = {
  ok: 'Nothing is overdue.',
  unreachable:
    'The feedback of the hub cannot be read. Outcomes come late; the hub keeps them for a limited time.',
  silent:
    'Messages have expired, and the hub’s feedback tells nothing about them or any other. Another reader may take it all, or the hub lost it.',
  incomplete:
    'Feedback comes, but not all of it: another reader seems to take a part. Downlink must be the only one that reads the hub’s feedback.',
};

export function feedbackReport(state: FeedbackWatchState, now: number): FeedbackReport {
  const overdue = state.overdue.filter(({ at }) => now - at < OVERDUE_COUNTS_MS);
  const health = healthOf({ ...state, overdue }, now);
  return {
    state: health,
    detail: DETAILS[health],
    lastFeedbackAt: state.lastFeedbackAt,
    overdueMessages: overdue.length,
  };
}

function healthOf(state: FeedbackWatchState, now: number): FeedbackHealth {
  const { failingSince, overdue, lastFeedbackAt } = state;
  if (failingSince > 0 && now - failingSince >= FAILING_MS) return 'unreachable';
  const [first] = overdue;
  if (!first || overdue.length < MIN_OVERDUE) return 'ok';
  return lastFeedbackAt >= first.at ? 'incomplete' : 'silent';
}
