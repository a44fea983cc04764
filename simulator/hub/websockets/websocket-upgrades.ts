import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { createWebSocketStream, WebSocketServer, type WebSocket } from 'ws';
import { peerOf, type HeadPeer } from '../head-listener.ts';
import { HubError } from '../state/hub-error.ts';
import type { WireLog } from '../wire-log.ts';

export interface WebSocketUpgradeOptions {
  readonly log: WireLog;
  /** By subprotocol, who serves the bytes that come in the binary messages. */
  readonly heads: ReadonlyMap<string, (stream: Duplex, peer: HeadPeer) => void>;
}

const PATH = '/$iothub/websocket';
/** Where Event Hubs clients look for it, and every client on uAMQP: the Python service SDK among them. */
const EVENT_HUBS_PATH = '/$servicebus/websocket';
/** Our own: many frames of AMQP, or a largest packet of MQTT, in one message. */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
/** RFC 6455 §7.4.1 */
const UNSUPPORTED_DATA = 1003;

/** AMQP and MQTT through the HTTPS port. https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-protocols */
export function webSocketUpgrades({
  log,
  heads,
}: WebSocketUpgradeOptions): (request: IncomingMessage, socket: Duplex, head: Buffer) => void {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: MAX_MESSAGE_BYTES,
    handleProtocols: (offered) => [...offered].find((name) => heads.has(name)) ?? false,
  });

  function serve(webSocket: WebSocket, request: IncomingMessage): void {
    const { protocol } = webSocket;
    const peer = peerOf(request.socket);
    const detail = { subprotocol: protocol };
    log.record({ protocol: 'https', peer: peer.name, event: 'websocket', detail });
    request.socket.setNoDelay(true);
    // [MQTT-6.0.0-1], and AMQP's binding has the same rule.
    webSocket.on('message', (_data, isBinary) => {
      if (!isBinary) webSocket.close(UNSUPPORTED_DATA, 'Only binary messages are taken');
    });
    heads.get(protocol)?.(streamOf(webSocket), peer);
  }

  return (request, socket, head) => {
    const refusal = refusalOf(request, heads);
    if (refusal) {
      const { httpStatus: status } = refusal;
      log.record({
        protocol: 'https',
        peer: peerOf(request.socket).name,
        event: 'websocket refused',
        detail: { status },
      });
      refuse(socket, refusal);
    } else server.handleUpgrade(request, socket, head, (webSocket) => serve(webSocket, request));
  };
}

/** To the heads it is like a socket: it is closed when the other side has closed it. */
function streamOf(webSocket: WebSocket): Duplex {
  const stream = createWebSocketStream(webSocket);
  stream.once('end', () => stream.destroy());
  return stream;
}

function refusalOf(
  { url = '', headers }: IncomingMessage,
  heads: WebSocketUpgradeOptions['heads'],
): HubError | undefined {
  const [path = ''] = url.split('?');
  const plain = path
    .replace(/^\/%24/, '/$')
    .replace(/\/$/, '')
    .toLowerCase();
  if (![PATH, EVENT_HUBS_PATH].includes(plain))
    return new HubError('notFound', `WebSockets are at ${PATH}, not at ${path}`);
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  if (offered.some((name) => heads.has(name))) return undefined;
  return new HubError(
    'argumentInvalid',
    `Sec-WebSocket-Protocol must name one of ${[...heads.keys()].join(', ')}`,
  );
}

function refuse(socket: Duplex, { httpStatus, errorName, message }: HubError): void {
  const body = JSON.stringify({ Message: `ErrorCode:${errorName};${message}` });
  socket.on('error', () => {});
  socket.end(
    [
      `HTTP/1.1 ${httpStatus} ${errorName}`,
      'Connection: close',
      'Content-Type: application/json; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
      `iothub-errorcode: ${errorName}`,
      '',
      body,
    ].join('\r\n'),
    () => socket.destroy(),
  );
}
