import { z } from 'zod';
import { describeError, HostError } from '../host-error.ts';
import type { AuthenticationSettings } from '../http/app-service-authentication.ts';

const SETTING = 'DOWNLINK_LOCAL_ENTRA';
/** By this the platform tells an app that it authenticates its callers. */
const PLATFORM = 'WEBSITE_AUTH_ENABLED';

const schema = z.strictObject({
  issuers: z.array(z.string()).min(1),
  audiences: z.array(z.string()).min(1),
  keys: z
    .array(z.looseObject({ kty: z.string() }).refine((key) => !('d' in key), 'must be public'))
    .min(1),
  excludedPaths: z.array(z.string().startsWith('/')).default(['/api/health', '/api/openapi.json']),
});

/** Undefined: callers are not authenticated here, and the app is not told that they were. */
export function takeAuthentication(
  environment: NodeJS.ProcessEnv,
): AuthenticationSettings | undefined {
  // What only the platform may say is not believed of whoever started us.
  delete environment[PLATFORM];
  const text = environment[SETTING];
  if (text === undefined || text === '') return undefined;
  delete environment[SETTING];
  try {
    const { data, error } = schema.safeParse(JSON.parse(text), { reportInput: false });
    if (data === undefined) throw new Error(z.prettifyError(error));
    environment[PLATFORM] = 'True';
    return data;
  } catch (error) {
    throw new HostError(`${SETTING} cannot be used: ${describeError(error)}`, { cause: error });
  }
}
