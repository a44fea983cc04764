import type * as z from 'zod';
import { DownlinkError } from '../errors.ts';
import type { HubResponse } from './hub-rest.ts';

/** The JSON of a successful answer. Throws `hub-unavailable` if it is not what the hub documents. */
export function readAnswer<T>(response: HubResponse, schema: z.ZodType<T>): T {
  try {
    return schema.parse(JSON.parse(response.body));
  } catch (error) {
    const detail = 'The hub answered with something that is not what it documents.';
    throw new DownlinkError('hub-unavailable', detail, { cause: error });
  }
}
