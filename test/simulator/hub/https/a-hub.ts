import { createHmac } from 'node:crypto';
import { request as httpsRequest } from 'node:https';
import type { IncomingHttpHeaders } from 'node:http';
import { Authenticator } from '../../../../simulator/hub/auth/authenticator.ts';
import { FaultPlan } from '../../../../simulator/hub/faults/fault-plan.ts';
import { type HttpsHead, startHttpsHead } from '../../../../simulator/hub/https/https-head.ts';
import { ManualClock } from '../../../../simulator/hub/state/clock.ts';
import { HubState } from '../../../../simulator/hub/state/hub-state.ts';
import type { HubSettingsInput } from '../../../../simulator/hub/state/settings.ts';
import { newHubCertificate } from '../../../../simulator/hub/tls/hub-certificate.ts';
import { boundedWireLog, type WireLog } from '../../../../simulator/hub/wire-log.ts';

export interface Response {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
  /** Of a text that is JSON. */
  readonly json: unknown;
}

interface Request {
  /** A token of this policy; `iothubowner` unless told otherwise. */
  readonly policy?: string;
  readonly headers?: Record<string, string | undefined>;
  /** A text is sent as it is, anything else as JSON. */
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

export interface TestHub {
  readonly state: HubState;
  readonly clock: ManualClock;
  readonly faults: FaultPlan;
  readonly log: WireLog;
  readonly head: HttpsHead;
  /** Such as `send('GET /devices/device-1')`; the api-version is added unless there is a query. */
  send(line: string, request?: Request): Promise<Response>;
  token(policy: string): string;
}

// One for all: making it is what takes time.
const certificate = await newHubCertificate('localhost', Date.now());

/** The hub's REST side alone, with the device `device-1`, on a clock that stands still. */
export async function startTestHub(settings: HubSettingsInput = {}): Promise<TestHub> {
  const clock = new ManualClock();
  const state = new HubState({ clock, settings });
  state.registry.create({ deviceId: 'device-1' });
  const faults = new FaultPlan();
  const log = boundedWireLog();
  const authenticator = new Authenticator(state);
  const head = await startHttpsHead({
    state,
    authenticator,
    faults,
    log,
    tls: certificate,
    port: 0,
  });
  const token = (policy: string): string => {
    const key = state.policies.find(policy)?.primaryKey ?? '';
    return signToken(state.hostName, key, policy);
  };
  return {
    state,
    clock,
    faults,
    log,
    head,
    token,
    send: (line, { policy = 'iothubowner', headers = {}, ...rest } = {}) =>
      sendRequest(head.port, line, {
        ...rest,
        headers: { authorization: token(policy), ...headers },
      }),
  };
}

export function signToken(
  resource: string,
  key: string,
  policy?: string,
  expiry = Math.floor(Date.now() / 1000) + 600,
): string {
  const sr = encodeURIComponent(resource);
  const sig = createHmac('sha256', Buffer.from(key, 'base64'))
    .update(`${sr}\n${expiry}`)
    .digest('base64');
  const skn = policy === undefined ? '' : `&skn=${policy}`;
  return `SharedAccessSignature sr=${sr}&sig=${encodeURIComponent(sig)}&se=${expiry}${skn}`;
}

function sendRequest(
  port: number,
  line: string,
  { headers = {}, body, signal }: Omit<Request, 'policy'>,
): Promise<Response> {
  const [method = 'GET', path = '/'] = line.split(' ');
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const length = text === undefined ? undefined : String(Buffer.byteLength(text));
  const given = Object.entries({ 'content-length': length, ...headers });
  return new Promise((resolve, reject) => {
    const request = httpsRequest(
      {
        host: '127.0.0.1',
        servername: 'localhost',
        port,
        ca: certificate.ca,
        agent: false,
        method,
        path: path.includes('?') ? path : `${path}?api-version=2021-04-12`,
        headers: Object.fromEntries(given.filter(([, value]) => value !== undefined)),
        ...(signal && { signal }),
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const bytes = Buffer.concat(chunks);
          const answer = bytes.toString();
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            bytes,
            text: answer,
            json: parse(answer),
          });
        });
      },
    );
    request.on('error', reject);
    request.end(text);
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
