import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { PortMapping } from '../../loopback/map-ports.ts';
import { describeError, HostError } from '../host-error.ts';

const SETTING = 'DOWNLINK_SIMULATED_HUB';

const port = z.int().min(1).max(65_535);

const schema = z.strictObject({
  hostName: z.string().min(1),
  ports: z.record(z.string().regex(/^\d+$/), port),
  certificateAuthorityFile: z.string(),
});

/** Takes the mapping out of the environment: the app is to know nothing of it. */
export function takeSimulatedHub(environment: NodeJS.ProcessEnv): PortMapping | undefined {
  const text = environment[SETTING];
  if (text === undefined) return undefined;
  delete environment[SETTING];
  try {
    const { data, error } = schema.safeParse(JSON.parse(text));
    if (data === undefined) throw new Error(z.prettifyError(error));
    return {
      hostName: data.hostName,
      ports: data.ports,
      certificateAuthorityPem: readFileSync(data.certificateAuthorityFile, 'utf8'),
    };
  } catch (error) {
    throw new HostError(`${SETTING} cannot be used: ${describeError(error)}`, { cause: error });
  }
}
