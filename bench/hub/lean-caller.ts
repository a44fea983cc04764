import { once } from 'node:events';
import https from 'node:https';

/** Calls direct methods over kept connections, and does no more than read the answer. */
export class LeanCaller {
  readonly #agent: https.Agent;
  readonly #port: number;
  readonly #token: string;

  constructor(options: { port: number; ca: string; token: string; connections: number }) {
    this.#port = options.port;
    this.#token = options.token;
    this.#agent = new https.Agent({
      ca: options.ca,
      keepAlive: true,
      maxSockets: options.connections,
    });
  }

  async call(deviceId: string, methodName: string, payload: string): Promise<void> {
    const body = `{"methodName":"${methodName}","responseTimeoutInSeconds":30,"payload":${payload}}`;
    const request = https.request({
      agent: this.#agent,
      host: 'localhost',
      port: this.#port,
      method: 'POST',
      path: `/twins/${deviceId}/methods?api-version=2021-04-12`,
      headers: {
        authorization: this.#token,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      },
    });
    request.end(body);
    const [response] = await once(request, 'response');
    response.resume();
    await once(response, 'end');
    if (response.statusCode !== 200)
      throw new Error(`The call was answered ${response.statusCode}`);
  }

  close(): void {
    this.#agent.destroy();
  }
}
