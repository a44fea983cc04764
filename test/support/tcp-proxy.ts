import { once } from 'node:events';
import net from 'node:net';
import type { AddressInfo } from 'node:net';

/** Stands between a client and a server on this machine, to take the server away or to hold what passes. */
interface TcpProxy {
  readonly port: number;
  /** Refuses connections and cuts those there are, as a server that has died. */
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
  /** From now on holds every request whose text contains `part` (it never reaches the server). Settles once one is held. */
  holdRequests(part: string): Promise<void>;
  /** The same for the answers to such requests: the server has done its work, the client never learns. */
  holdAnswers(part: string): Promise<void>;
  /** New requests pass again; what was held stays lost. */
  release(): void;
  stop(): Promise<void>;
}

async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const sockets = new Set<net.Socket>();
  let hold: { what: 'requests' | 'answers'; part: string; onHeld: () => void } | undefined;

  const server = net.createServer((client) => {
    const target = net.connect(targetPort, '127.0.0.1');
    let answersHeld: (() => void) | undefined;
    for (const [socket, other] of [
      [client, target],
      [target, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    client.on('data', (chunk) => {
      if (hold && chunk.includes(hold.part)) {
        if (hold.what === 'requests') {
          hold.onHeld();
          return;
        }
        answersHeld = hold.onHeld;
      }
      target.write(chunk);
    });
    target.on('data', (chunk) => {
      if (answersHeld) answersHeld();
      else client.write(chunk);
    });
  });

  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  const goAway = async () => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  const holdWhat = async (what: 'requests' | 'answers', part: string) =>
    new Promise<void>((resolve) => {
      hold = { what, part, onHeld: resolve };
    });

  await listen(0);
  const { port } = server.address() as AddressInfo;
  return {
    port,
    goAway,
    comeBack: async () => listen(port),
    holdRequests: async (part) => holdWhat('requests', part),
    holdAnswers: async (part) => holdWhat('answers', part),
    release: () => {
      hold = undefined;
    },
    stop: goAway,
  };
}

export interface StorageProxies {
  readonly table: TcpProxy;
  readonly queue: TcpProxy;
  readonly connectionString: string;
}

/** Proxies before the table and queue endpoints of a storage emulator. */
export async function startStorageProxies(connectionString: string): Promise<StorageProxies> {
  const portOf = (endpoint: string) =>
    Number(new RegExp(`${endpoint}=http://[^:]+:(\\d+)`).exec(connectionString)?.[1]);
  const [table, queue] = await Promise.all([
    startTcpProxy(portOf('TableEndpoint')),
    startTcpProxy(portOf('QueueEndpoint')),
  ]);
  return {
    table,
    queue,
    connectionString: connectionString
      .replace(`:${portOf('TableEndpoint')}/`, `:${table.port}/`)
      .replace(`:${portOf('QueueEndpoint')}/`, `:${queue.port}/`),
  };
}
