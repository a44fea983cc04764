import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';

export interface Cut {
  readonly direction: 'toHub' | 'fromHub';
  /** These pass; then the connection dies. */
  readonly bytes: number;
}

/** Passes bytes on until the connection dies, at an exact place. */
export async function startCuttingProxy(targetPort: number) {
  const sockets = new Set<net.Socket>();
  let cut: Cut | undefined;
  let passed = { toHub: 0, fromHub: 0 };

  const server = net.createServer({ noDelay: true }, (client) => {
    const hub = net.connect({ host: '127.0.0.1', port: targetPort, noDelay: true });
    const die = (): void => {
      client.destroy();
      hub.destroy();
    };
    for (const socket of [client, hub]) {
      sockets.add(socket);
      socket.on('error', die);
      socket.on('close', () => {
        sockets.delete(socket);
        die();
      });
    }
    const pass = (direction: Cut['direction'], to: net.Socket) => (bytes: Buffer) => {
      const left = cut?.direction === direction ? cut.bytes - passed[direction] : Infinity;
      passed[direction] += bytes.length;
      if (bytes.length < left) to.write(bytes);
      // What was let through arrives: a reset could overtake it.
      else to.end(bytes.subarray(0, left), () => setImmediate(die));
    };
    client.on('data', pass('toHub', hub));
    hub.on('data', pass('fromHub', client));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');

  return {
    port: (server.address() as AddressInfo).port,
    /** Of all connections from now on, taken together; undefined: none. */
    plan(next: Cut | undefined): void {
      cut = next;
      passed = { toHub: 0, fromHub: 0 };
    },
    passed: () => passed,
    async stop(): Promise<void> {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
