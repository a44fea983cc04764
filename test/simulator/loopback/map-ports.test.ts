import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import net, { type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import tls, { type TLSSocket } from 'node:tls';
import rhea from 'rhea';
import { WebSocket, WebSocketServer } from 'ws';
import { newHubCertificate } from '../../../simulator/hub/tls/hub-certificate.ts';
import { listenOnLoopback } from '../../../simulator/loopback/listen.ts';
import { mapPorts } from '../../../simulator/loopback/map-ports.ts';

const HOST = 'localhost';
const { ca: authorityPem, ...certificate } = await newHubCertificate(HOST, Date.now());

const servers: Server[] = [];
const undos: (() => void)[] = [];
let port: number;
let amqpPort: number;

beforeAll(async () => {
  const hub = await listenOnLoopback(
    () => https.createServer(certificate, (_, response) => response.end('hub')),
    0,
  );
  port = hub.port;
  for (const server of hub.servers) {
    new WebSocketServer({ server }).on('connection', (socket) => {
      socket.send('hub');
    });
  }
  const options = { port: 0, host: '127.0.0.1', transport: 'tls' as const, ...certificate };
  const amqp = rhea.create_container().listen(options);
  await once(amqp, 'listening');
  const address = amqp.address();
  if (typeof address === 'object' && address !== null) amqpPort = address.port;
  servers.push(...hub.servers, amqp);
});

afterEach(() => {
  for (const undo of undos.splice(0)) undo();
});

afterAll(async () => {
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
});

function map(hostName = HOST) {
  const ports = { 443: port, 5671: amqpPort };
  const undo = mapPorts({ hostName, ports, certificateAuthorityPem: authorityPem });
  undos.unshift(undo);
  return undo;
}

async function secured(socket: TLSSocket) {
  try {
    await once(socket, 'secureConnect');
    return { port: socket.remotePort, authorized: socket.authorized };
  } finally {
    socket.destroy();
  }
}

async function get(options: https.RequestOptions) {
  const request = https.get({ host: HOST, ...options });
  const [response]: IncomingMessage[] = await once(request, 'response');
  if (!response) throw new Error('no response');
  return text(response);
}

describe('mapPorts', () => {
  test.each<[string, () => TLSSocket]>([
    ['options', () => tls.connect({ host: HOST, port: 443 })],
    ['a host in capitals', () => tls.connect({ host: 'LOCALHOST', port: 443 })],
    ['no host, which means localhost', () => tls.connect({ port: 443 })],
    ['port and host', () => tls.connect(443, HOST)],
    ['port and options', () => tls.connect(443, { host: HOST })],
    ['port, host and options', () => tls.connect(443, HOST, { servername: HOST })],
    ['options that override', () => tls.connect(1, 'no.invalid', { host: HOST, port: 443 })],
    ['a port that is not mapped', () => tls.connect({ host: HOST, port })],
  ])('connects to the mapped port and trusts it, given %s', async (_, connect) => {
    map();

    await expect(secured(connect())).resolves.toEqual({ port, authorized: true });
  });

  test.each<[string, (listener: () => void) => TLSSocket]>([
    ['options', (listener) => tls.connect({ host: HOST, port: 443 }, listener)],
    ['port and options', (listener) => tls.connect(443, {}, listener)],
    ['port, host and options', (listener) => tls.connect(443, HOST, {}, listener)],
  ])('calls the listener that follows %s once', async (_, connect) => {
    map();
    let calls = 0;

    await secured(connect(() => calls++));

    expect(calls).toBe(1);
  });

  test.each<[string, tls.ConnectionOptions]>([
    ['ca', { ca: tls.rootCertificates.slice(0, 2) }],
    ['secure context', { secureContext: tls.createSecureContext({ ca: tls.rootCertificates[0] }) }],
    ['client certificate', certificate],
  ])('trusts the authority in addition to the caller’s own %s', async (_, options) => {
    map();

    for (let connection = 1; connection <= 2; connection++) {
      const socket = tls.connect({ host: HOST, port: 443, ...options });
      await expect(secured(socket)).resolves.toEqual({ port, authorized: true });
    }
  });

  test('trusts it through a tunnel of the caller’s own', async () => {
    map();
    const tunnel = net.connect(port, HOST);

    const socket = tls.connect({ socket: tunnel, servername: HOST });

    await expect(secured(socket)).resolves.toMatchObject({ authorized: true });
  });

  test('keeps on trusting whom the caller’s ca names', async () => {
    const ca = [authorityPem];
    undos.push(
      mapPorts({
        hostName: HOST,
        ports: { 443: port },
        certificateAuthorityPem: tls.rootCertificates[0] ?? '',
      }),
    );

    await expect(secured(tls.connect({ host: HOST, port: 443, ca }))).resolves.toMatchObject({
      authorized: true,
    });
  });

  test('maps what node:https asks, whatever its agent', async () => {
    map();
    const agent = new https.Agent({ keepAlive: true });

    const answers = [
      await get({ path: '/devices?a=b' }),
      await get({ agent }),
      await get({ agent }),
      await get({ agent: false }),
      await get({ port: '443' }),
    ];

    agent.destroy();
    expect(answers).toEqual(['hub', 'hub', 'hub', 'hub', 'hub']);
  });

  test('maps a WebSocket of ws', async () => {
    map();

    const socket = new WebSocket(`wss://${HOST}/$iothub/websocket`);
    const [message]: unknown[] = await once(socket, 'message');
    socket.close();
    await once(socket, 'close');

    expect(String(message)).toBe('hub');
  });

  test('maps an AMQP connection of rhea', async () => {
    map();
    const container = rhea.create_container();

    const options = { host: HOST, port: 5671, transport: 'tls', reconnect: false } as const;
    const connection = container.connect(options);
    await once(container, 'connection_open');
    connection.close();
    await once(container, 'connection_close');

    expect(connection.is_closed()).toBe(true);
  });

  test('sends what is written at once', async () => {
    map();
    const setNoDelay = jest.spyOn(net.Socket.prototype, 'setNoDelay');

    const socket = tls.connect({ host: HOST, port: 443 });
    await secured(socket);

    expect(setNoDelay.mock.contexts).toContain(socket);
    setNoDelay.mockRestore();
  });

  test('leaves a socket in the file system alone', async () => {
    map();
    const isWindows = process.platform === 'win32';
    const socketPath = path.join(isWindows ? '\\\\.\\pipe' : tmpdir(), `downlink-${randomUUID()}`);
    const server = https.createServer(certificate).listen(socketPath);
    await once(server, 'listening');

    const socket = tls.connect({ path: socketPath, servername: HOST });

    await expect(secured(socket)).rejects.toMatchObject({ code: UNKNOWN_AUTHORITY });
    server.close();
  });

  test('leaves other host names alone: their ports and whom they trust', async () => {
    map('hub.example');

    const socket = tls.connect({ host: HOST, port });

    await expect(secured(socket)).rejects.toMatchObject({ code: UNKNOWN_AUTHORITY });
  });

  test('still refuses a certificate that is for another host name', async () => {
    map('hub.example');

    const socket = tls.connect({
      host: 'hub.example',
      port: 443,
      lookup: (_name, _options, found) => found(null, [{ address: '127.0.0.1', family: 4 }]),
    });

    await expect(secured(socket)).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  });

  test('leaves no trace once undone', () => {
    const original = tls.connect;

    map()();

    expect(tls.connect).toBe(original);
  });

  test('is gone once undone, even when another mapping was laid over it', async () => {
    const undoFirst = map();
    map('hub.example');

    undoFirst();

    const socket = tls.connect({ host: HOST, port });
    await expect(secured(socket)).rejects.toMatchObject({ code: UNKNOWN_AUTHORITY });
  });
});

const UNKNOWN_AUTHORITY = 'SELF_SIGNED_CERT_IN_CHAIN';
