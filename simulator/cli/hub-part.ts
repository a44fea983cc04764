import { startHub, type SimulatedHub, type SimulatedHubOptions } from '../hub/simulated-hub.ts';
import type { HubSeed } from '../hub/seed.ts';
import { HubError } from '../hub/state/hub-error.ts';
import type { ServiceTier } from '../hub/state/service-tiers.ts';
import type { HubSettingsInput } from '../hub/state/settings.ts';
import { UsageError } from './cli-error.ts';
import { inProcessPart } from './parts/in-process-part.ts';
import type { Parts } from './parts/parts.ts';
import type { HubPorts } from './port-settings.ts';
import { explainPortTaken } from './port-taken.ts';

/** The service collects feedback for up to 15 s; that is long to wait in front of a terminal. */
const FEEDBACK_INTERVAL_MS = 1_000;

export const LOCAL_DEVICES = ['device-1', 'device-2'] as const;

export interface HubPartOptions {
  parts: Parts;
  ports: HubPorts;
  /** Without it nothing survives the process. */
  dataFolder: string | undefined;
  /** `localhost` unless told otherwise: some SDKs want a dot in it. */
  hostName?: string | undefined;
  /** Throttles and quota of a hub of this size. */
  limits?: ServiceTier | undefined;
  settings?: HubSettingsInput | undefined;
  logPayloads?: boolean;
  /** The devices to begin with, instead of the local ones. */
  seed?: HubSeed | undefined;
  consumerGroups?: readonly string[];
  print: (line: string) => void;
  certificateAuthorities?: SimulatedHubOptions['certificateAuthorities'];
  entra?: SimulatedHubOptions['entra'] | undefined;
}

export async function startHubPart(options: HubPartOptions): Promise<SimulatedHub> {
  const { parts, ports, dataFolder, limits, seed, settings, consumerGroups, print } = options;
  const { certificateAuthorities = [], entra, hostName, logPayloads = false } = options;
  const starting = startHub({
    ports,
    settings: {
      ...settings,
      feedback: { intervalMs: FEEDBACK_INTERVAL_MS, ...settings?.feedback },
    },
    seed: seed ?? { devices: LOCAL_DEVICES.map((deviceId) => ({ deviceId })) },
    certificateAuthorities,
    onProblem: (text) => print(`hub | ${text}`),
    ...(dataFolder === undefined ? {} : { dataFolder }),
    logPayloads,
    ...(hostName !== undefined && { hostName }),
    ...(limits && { limits }),
    ...(consumerGroups && { consumerGroups }),
    ...(entra && { entra }),
  });
  try {
    const hub = await parts.start(inProcessPart('simulated hub', starting), starting);
    for (const notice of hub.notices) print(notice);
    return hub;
  } catch (error) {
    if (error instanceof HubError) throw new UsageError(error.message, { cause: error });
    throw await explainPortTaken(error, ports);
  }
}
