import { afterEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import net, { type Server } from 'node:net';
import { listenOnLoopback, PortTakenError } from '../../../simulator/loopback/listen.ts';

const opened: Server[] = [];

async function listen(port = 0, hosts?: string[]) {
  const listening = await listenOnLoopback(() => net.createServer(), port, hosts);
  opened.push(...listening.servers);
  return listening;
}

function portOf(server: Server) {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function addressesOf(servers: Server[]) {
  return servers.map((server) => server.address());
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((server) => new Promise((done) => server.close(done))));
});

describe('listenOnLoopback', () => {
  test('listens on one port of both loopback addresses', async () => {
    const { port, servers } = await listen();

    expect(addressesOf(servers)).toEqual([
      { address: '127.0.0.1', family: 'IPv4', port },
      { address: '::1', family: 'IPv6', port },
    ]);
  });

  test('names the port that is taken and leaves no address listened on', async () => {
    const { port } = await listen(0, ['::1']);

    const attempt = listen(port);

    await expect(attempt).rejects.toBeInstanceOf(PortTakenError);
    await expect(attempt).rejects.toMatchObject({ port, message: `Port ${port} is taken on ::1` });
    const socket = net.connect(port, '127.0.0.1');
    const [error]: unknown[] = await once(socket, 'error');
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('takes another free port when the one it got is taken on the second address', async () => {
    const made: Server[] = [];
    const taken: number[] = [];
    // As if another process were always first to the port on ::1, three times.
    const createServer = () => {
      const server = net.createServer();
      if (made.length % 2 === 0 && taken.length < 3) {
        server.once('listening', () => {
          const port = portOf(server);
          taken.push(port);
          opened.push(net.createServer().listen(port, '::1'));
        });
      }
      made.push(server);
      return server;
    };

    const { port, servers } = await listenOnLoopback(createServer, 0);

    opened.push(...servers);
    expect(taken).toHaveLength(3);
    expect(addressesOf(servers)).toMatchObject([{ port }, { port }]);
  });

  test('serves the other hosts where the machine lacks an IPv6 address', async () => {
    // 100::/64 is RFC 6666's discard prefix: no machine has an address in it.
    const { servers } = await listen(0, ['127.0.0.1', '100::1']);

    expect(addressesOf(servers)).toMatchObject([{ address: '127.0.0.1' }]);
    await expect(listen(0, ['100::1'])).rejects.toThrow('No address to listen on: 100::1');
  });

  test('does not swallow a host that is nobody’s address', async () => {
    // 192.0.2.0/24 is RFC 5737's documentation net.
    await expect(listen(0, ['127.0.0.1', '192.0.2.1'])).rejects.toMatchObject({
      code: 'EADDRNOTAVAIL',
    });
  });
});
