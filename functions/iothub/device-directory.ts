import * as z from 'zod';
import type { Device, DeviceDirectory } from '../devices/device.ts';
import { DownlinkError } from '../errors.ts';
import type { HubRequest, HubResponse, HubRest } from './hub-rest.ts';
import { requestError, responseError } from './iothub-errors.ts';
import { readAnswer } from './read-answer.ts';

/** What an identity and a twin have in common, in the same words. */
const deviceSchema = z.object({
  deviceId: z.string(),
  status: z.enum(['enabled', 'disabled']),
  connectionState: z.enum(['Connected', 'Disconnected']),
  lastActivityTime: z.string().nullish(),
  cloudToDeviceMessageCount: z.int().min(0).nullish(),
});

/**
 * Whole twins: the query language knows projections, and which fields of the identity they may name is not documented.
 * The list of identities (`GET /devices`) ends after 1,000 and cannot be paged.
 */
const QUERY = 'SELECT * FROM devices';

export function iotHubDeviceDirectory(rest: HubRest): DeviceDirectory {
  async function request(asked: HubRequest): Promise<HubResponse> {
    return rest.request(asked).catch((error: unknown) => Promise.reject(requestError(error)));
  }

  return {
    async get(deviceId) {
      const path = `/devices/${encodeURIComponent(deviceId)}`;
      const response = await request({ method: 'GET', path });
      if (response.status !== 200) throw responseError(response);
      return toDevice(readAnswer(response, deviceSchema));
    },

    async list({ limit, continuationToken }) {
      const response = await request({
        method: 'POST',
        path: '/devices/query',
        headers: {
          'x-ms-max-item-count': String(limit),
          ...(continuationToken !== undefined && {
            'x-ms-continuation': decodeToken(continuationToken),
          }),
        },
        json: { query: QUERY },
      });
      // The query is ours and the limit was checked: only the token can be at fault.
      if (response.status === 400 && continuationToken !== undefined) throw badToken(response);
      if (response.status !== 200) throw responseError(response);
      const items = readAnswer(response, z.array(deviceSchema)).map(toDevice);
      const next = response.headers['x-ms-continuation'];
      return typeof next === 'string' && next !== ''
        ? { items, continuationToken: encodeToken(next) }
        : { items };
    },
  };
}

function toDevice(found: z.infer<typeof deviceSchema>): Device {
  const lastActivityAt = Date.parse(found.lastActivityTime ?? '');
  return {
    deviceId: found.deviceId,
    status: found.status,
    connectionState: found.connectionState === 'Connected' ? 'connected' : 'disconnected',
    // The year 1 is the hub's way to say never.
    ...(lastActivityAt > 0 && { lastActivityAt }),
    queuedMessages: found.cloudToDeviceMessageCount ?? 0,
  };
}

function encodeToken(token: string): string {
  return Buffer.from(token).toString('base64url');
}

/** The hub's token goes into a header, where not every character may stand. */
function decodeToken(token: string): string {
  const decoded = Buffer.from(token, 'base64url').toString();
  if (encodeToken(decoded) === token && /^[\u0020-\u007E]+$/.test(decoded)) return decoded;
  throw badToken();
}

function badToken(response?: HubResponse): DownlinkError {
  return new DownlinkError('invalid-request', 'The request is not valid; see errors.', {
    faults: [{ path: 'query.continuationToken', message: 'is none that this list has given out' }],
    ...(response && { cause: responseError(response) }),
  });
}
