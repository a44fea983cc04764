import { seededRandom } from '../../simulator/hub/faults/seeded-random.ts';

/** Everything that strikes, each with how often it does compared to the others. */
const WEIGHTS = {
  'hub: connections cut': 8,
  'hub: connections closed': 6,
  'hub: links detached': 8,
  'hub: restarted': 3,
  'hub: sends get no answer': 8,
  'hub: sends taken, no answer': 8,
  'hub: connection cut at a send': 6,
  'hub: throttled': 10,
  'hub: slow': 8,
  'hub: tokens refused': 4,
  'hub: links refused': 4,
  'hub: clock jumps ahead': 4,
  'hub: REST calls fail': 5,
  'hub: feedback repeated': 5,
  'hub: feedback late': 4,
  'hub: feedback in disorder': 5,
  'storage: tables away': 8,
  'storage: queues away': 5,
  'devices: vanish and come back': 10,
  'devices: answers to methods lost': 4,
} as const;

export type FaultKind = keyof typeof WEIGHTS | 'app: killed';

/** A fault and the command whose start sets it off: the plan does not depend on how fast the machine is. */
export interface ScheduledFault {
  readonly afterCommand: number;
  readonly kind: FaultKind;
  /** From 0 to below 1: how hard it strikes, and whom. */
  readonly strength: number;
  readonly target: number;
}

/** The same options give the same schedule. */
export function faultSchedule(options: {
  seed: number;
  commands: number;
  kills: number;
  faults: number;
}): ScheduledFault[] {
  const { seed, commands, kills, faults } = options;
  const random = seededRandom(seed);
  const at = () => Math.floor(random() * commands);
  const kinds = [
    ...Array.from({ length: kills }, (): FaultKind => 'app: killed'),
    ...Array.from({ length: faults }, () => pickKind(random())),
  ];
  return kinds
    .map((kind) => ({ kind, afterCommand: at(), strength: random(), target: random() }))
    .toSorted((a, b) => a.afterCommand - b.afterCommand);
}

function pickKind(chance: number): FaultKind {
  // Object.keys gives strings only; these are the keys of the table above.
  const kinds = Object.keys(WEIGHTS) as (keyof typeof WEIGHTS)[];
  let left = chance * kinds.reduce((sum, kind) => sum + WEIGHTS[kind], 0);
  for (const kind of kinds) {
    left -= WEIGHTS[kind];
    if (left < 0) return kind;
  }
  throw new Error('no kind of fault is left');
}
