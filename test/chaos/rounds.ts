export interface Round {
  readonly seed: number;
  readonly commands: number;
  readonly kills: number;
  readonly faults: number;
}

/** The storage emulator gets slower with every row: each round begins with an empty one. */
const COMMANDS_A_ROUND = 5_000;
/** Seeds of neighbouring runs must not share rounds. */
const SEED_STEP = 1_000_003;

/** Divides a run into rounds of much the same size, each with its share of the faults. */
export function roundsOf(run: Round): Round[] {
  const count = Math.max(1, Math.ceil(run.commands / COMMANDS_A_ROUND));
  return Array.from({ length: count }, (_, round) => {
    const share = (total: number) =>
      Math.floor((total * (round + 1)) / count) - Math.floor((total * round) / count);
    return {
      seed: run.seed + round * SEED_STEP,
      commands: share(run.commands),
      kills: share(run.kills),
      faults: share(run.faults),
    };
  });
}
