import { once } from 'node:events';
import type { Server } from 'node:net';

const LOOPBACK_HOSTS = ['127.0.0.1', '::1'];
// A port the system gave us on one address may be taken on the other.
const ANY_PORT_ATTEMPTS = 20;

export class PortTakenError extends Error {
  override readonly name = 'PortTakenError';
  readonly port: number;

  constructor(port: number, host: string, options?: ErrorOptions) {
    super(`Port ${String(port)} is taken on ${host}`, options);
    this.port = port;
  }
}

/**
 * Listens on the same port of every host: one server each, made by the caller. Port 0 means any port
 * that is free on all of them. A machine without IPv6 is served on the other hosts.
 */
export async function listenOnLoopback<T extends Server>(
  createServer: () => T,
  port: number,
  hosts: readonly string[] = LOOPBACK_HOSTS,
): Promise<{ port: number; servers: T[] }> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await listenOnAll(createServer, port, hosts);
    } catch (error) {
      const again = error instanceof PortTakenError && port === 0 && attempt < ANY_PORT_ATTEMPTS;
      if (!again) throw error;
    }
  }
}

async function listenOnAll<T extends Server>(
  createServer: () => T,
  port: number,
  hosts: readonly string[],
): Promise<{ port: number; servers: T[] }> {
  const servers: T[] = [];
  let common = port;
  let missing: unknown;
  try {
    for (const host of hosts) {
      const server = createServer();
      try {
        common = await listen(server, common, host, hosts.length > 1);
        servers.push(server);
      } catch (error) {
        if (!isWithoutIpv6(error, host)) throw error;
        missing = error;
      }
    }
    if (servers.length === 0) {
      throw new Error(`No address to listen on: ${hosts.join(', ')}`, { cause: missing });
    }
    return { port: common, servers };
  } catch (error) {
    await Promise.all(servers.map(close));
    throw error;
  }
}

async function listen(
  server: Server,
  port: number,
  host: string,
  ipv6Only: boolean,
): Promise<number> {
  server.listen({ port, host, ipv6Only, exclusive: true });
  try {
    await once(server, 'listening');
  } catch (error) {
    const code = errorCode(error);
    if (code === 'EADDRINUSE') throw new PortTakenError(port, host, { cause: error });
    if (code === 'EACCES') {
      throw new Error(`No right to listen on port ${String(port)} of ${host}`, { cause: error });
    }
    throw error;
  }
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}

function isWithoutIpv6(error: unknown, host: string): boolean {
  const code = errorCode(error);
  return host.includes(':') && (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT');
}

function errorCode(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

async function close(server: Server): Promise<void> {
  await new Promise((resolve) => server.close(resolve));
}
