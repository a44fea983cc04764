import { request as httpsRequest } from 'node:https';
import type { SimulatedHub } from '../../../../simulator/index.ts';
import { signToken } from '../https/a-hub.ts';

interface AdminResponse {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly json: unknown;
}

interface AdminRequest {
  /** A text is sent as it is, anything else as JSON. */
  readonly body?: unknown;
  /** The owner's unless told otherwise; null sends none. */
  readonly token?: string | null;
}

export type Admin = (line: string, request?: AdminRequest) => Promise<AdminResponse>;

/** Such as `admin('POST /clock', { body: { advanceSeconds: 5 } })`. */
export function adminOf(hub: SimulatedHub): Admin {
  return (line, { body, token = tokenOf(hub) } = {}) => {
    const [method = 'GET', path = ''] = line.split(' ');
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const request = httpsRequest(
        {
          host: '127.0.0.1',
          servername: hub.hostName,
          port: hub.ports.https,
          ca: hub.certificateAuthorityPem,
          agent: false,
          method,
          path: path.startsWith('//') ? path.slice(1) : `/$downlink${path}`,
          headers: { ...(token !== null && { authorization: token }) },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const answer = Buffer.concat(chunks).toString();
            resolve({
              status: response.statusCode ?? 0,
              contentType: response.headers['content-type'],
              json: answer === '' ? undefined : JSON.parse(answer),
            });
          });
        },
      );
      request.on('error', reject);
      request.end(text);
    });
  };
}

export function tokenOf(hub: SimulatedHub, policyName = 'iothubowner'): string {
  const key = hub.state.policies.find(policyName)?.primaryKey ?? '';
  return signToken(hub.hostName, key, policyName);
}
