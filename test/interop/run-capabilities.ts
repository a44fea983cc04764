import { uniqueId, type Capability, type Stage } from './capability.ts';
import type { Lab } from './lab.ts';
import { AbsentError, Program, type ProgramCommand } from './program.ts';
import type { Sdk } from './sdks.ts';

/** What came of one capability. */
export type Outcome =
  | { readonly kind: 'holds' }
  | { readonly kind: 'absent'; readonly why: string }
  | { readonly kind: 'fails'; readonly why: string };

/** For one thing that a program is told; connections that come back take the longest. */
const ANSWER_MS = 10_000;

export interface RunReport {
  /** Of the SDK. */
  readonly version: string;
  /** By the title of the capability. */
  readonly outcomes: Readonly<Record<string, Outcome>>;
}

/** Every capability of an SDK over one transport, in their order. */
export async function runCapabilities(sdk: Sdk, transport: string, lab: Lab): Promise<RunReport> {
  const command = sdk.command(transport);
  const outcomes: Record<string, Outcome> = {};
  let program: Program | undefined = start(command, lab);
  try {
    const version = String(await program.call('version', {}, ANSWER_MS));
    for (const capability of sdk.capabilities) {
      if (program === undefined || program.over) program = start(command, lab);
      const outcome = await tryOut(capability, stageFor(sdk, lab, program));
      outcomes[capability.title] = outcome;
      if (outcome.kind === 'holds') continue;
      // It may hold half of a trial.
      await program.stop();
      program = undefined;
    }
    return { version, outcomes };
  } finally {
    await program?.stop();
  }
}

function start({ env, ...command }: ProgramCommand, lab: Lab): Program {
  return new Program({ ...command, env: { ...lab.env, ...env } });
}

function stageFor({ side }: Sdk, { hub, wallClock }: Lab, program: Program): Stage {
  const deviceId = uniqueId('device');
  hub.state.events.clear();
  hub.state.registry.create({ deviceId });
  return {
    hub,
    wallClock,
    deviceId,
    connectionString:
      side === 'device' ? hub.deviceConnectionString(deviceId) : hub.connectionString(),
    cutConnections() {
      for (const head of [hub.amqp, hub.mqtt, hub.https]) head.dropConnections();
    },
    tell: (verb, parameters = {}) => program.call(verb, parameters, ANSWER_MS),
  };
}

async function tryOut(capability: Capability, stage: Stage): Promise<Outcome> {
  try {
    await capability.run(stage);
    return { kind: 'holds' };
  } catch (error) {
    if (error instanceof AbsentError) return { kind: 'absent', why: error.message };
    return { kind: 'fails', why: error instanceof Error ? error.message : String(error) };
  }
}
