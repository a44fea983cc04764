import { once } from 'node:events';
import http from 'node:http';

export interface CountingProxy {
  readonly connectionString: string;
  /** Requests since the last call, by what they are. */
  take(): { ours: Record<string, number>; hosts: Record<string, number> };
  stop(): Promise<void>;
}

/**
 * Stands before a storage account and counts what Azure would bill: one request is one transaction, a batch of rows as
 * well. The Functions host's own requests (it polls and settles queue messages) are told apart by what they do: the app
 * only adds messages.
 */
export async function startCountingProxy(connectionString: string): Promise<CountingProxy> {
  let ours: Record<string, number> = {};
  let hosts: Record<string, number> = {};
  const agent = new http.Agent({ keepAlive: true, maxSockets: 256 });

  function count(service: string, method: string, url: string): void {
    const isHosts = service === 'queue' && !(method === 'POST' && url.includes('/messages'));
    const counts = isHosts ? hosts : ours;
    const name = `${service} ${kindOf(service, method, url)}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }

  async function listen(service: string, targetPort: number) {
    const server = http.createServer((request, response) => {
      const { method = '', url = '', headers } = request;
      count(service, method, url);
      const upstream = http.request(
        { host: '127.0.0.1', port: targetPort, method, path: url, headers, agent },
        (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(response);
        },
      );
      upstream.on('error', () => response.destroy());
      request.pipe(upstream);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (typeof address !== 'object' || !address) throw new Error('the proxy has no port');
    return { server, port: address.port };
  }

  const portOf = (endpoint: string) =>
    Number(new RegExp(`${endpoint}=http://[^:]+:(\\d+)`).exec(connectionString)?.[1]);
  const ports = { table: portOf('TableEndpoint'), queue: portOf('QueueEndpoint') };
  const table = await listen('table', ports.table);
  const queue = await listen('queue', ports.queue);
  return {
    connectionString: connectionString
      .replace(`:${ports.table}/`, `:${table.port}/`)
      .replace(`:${ports.queue}/`, `:${queue.port}/`),
    take() {
      const taken = { ours, hosts };
      ours = {};
      hosts = {};
      return taken;
    },
    async stop() {
      for (const { server } of [table, queue]) {
        server.close();
        server.closeAllConnections();
      }
      agent.destroy();
    },
  };
}

function kindOf(service: string, method: string, url: string): string {
  if (service === 'queue') return method === 'POST' ? 'add' : `${method.toLowerCase()} message`;
  if (url.includes('$batch')) return 'transaction';
  if (method !== 'GET') return method.toLowerCase();
  return url.includes('RowKey=') ? 'read' : 'query';
}
