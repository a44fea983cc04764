import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { mapPorts } from '@downlink/simulator';
import rhea from 'rhea';
import type { Delivery, EventContext, Message, Sender } from 'rhea';
import { newHubCertificate } from '../../../simulator/hub/tls/hub-certificate.ts';

const CERTIFICATE = newHubCertificate('localhost', Date.now());

export interface Oddities {
  /** Given to whoever sends messages; 100 unless told otherwise. */
  readonly credit?: number;
  /** What becomes of a message; it is accepted unless told otherwise. */
  readonly onMessage?: (delivery: Delivery) => void;
  /** What goes out when somebody wants feedback, each time credit comes. */
  readonly onFeedbackFlow?: (sender: Sender, isDraining: boolean) => void;
  /** What is done with the outcome of a batch; confirmed unless told otherwise. */
  readonly onFeedbackOutcome?: (delivery: Delivery) => void;
}

/** A peer that takes every token and does what no well-behaved hub does: for answers that the simulated hub never gives. */
export async function startOddHub(oddities: Oddities) {
  const certificate = await CERTIFICATE;
  const container = rhea.create_container({ id: 'odd-hub' });
  let replies: Sender | undefined;
  let links = 0;

  container.on('sender_open', ({ sender }: EventContext) => {
    if (!sender) return;
    sender.set_source(sender.source);
    if (sender.source.address === '$cbs') replies = sender;
    else links++;
  });
  container.on('receiver_open', ({ receiver }: EventContext) => {
    if (!receiver) return;
    receiver.set_target(receiver.target);
    const isClaims = receiver.target.address === '$cbs';
    receiver.add_credit(isClaims ? 10 : (oddities.credit ?? 100));
    if (!isClaims) links++;
  });
  container.on('message', ({ receiver, message, delivery }: EventContext) => {
    if (!receiver || !delivery || !message) return;
    if (receiver.target.address !== '$cbs') {
      (oddities.onMessage ?? ((each) => each.accept()))(delivery);
      return;
    }
    delivery.accept();
    replies?.send(tokenTaken(message));
  });
  container.on('sender_flow', ({ sender }: EventContext) => {
    if (!sender || sender.source.address === '$cbs') return;
    const draining: unknown = Reflect.get(sender, '_draining');
    oddities.onFeedbackFlow?.(sender, draining === true);
  });
  container.on('accepted', ({ sender, delivery }: EventContext) => {
    if (!delivery || sender?.source.address === '$cbs') return;
    const confirm = (each: Delivery): void => each.update(true, each.remote_state?.['described']());
    (oddities.onFeedbackOutcome ?? confirm)(delivery);
  });
  for (const event of ['disconnected', 'error', 'protocol_error', 'connection_error']) {
    container.on(event, () => undefined);
  }

  const server = container.listen({
    port: 0,
    host: '127.0.0.1',
    transport: 'tls',
    key: certificate.key,
    cert: certificate.cert,
    // rhea's default accepts each message before we see it.
    receiver_options: { autoaccept: false, credit_window: 0 },
    sender_options: { autosettle: false },
  });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const unmapPorts = mapPorts({
    hostName: 'localhost',
    ports: { 5671: port },
    certificateAuthorityPem: certificate.ca,
  });
  const sockets = new Set<{ destroy(): void }>();
  server.on('secureConnection', (socket: { destroy(): void }) => sockets.add(socket));

  return {
    connectionString: `HostName=localhost;SharedAccessKeyName=service;SharedAccessKey=${Buffer.from('key').toString('base64')}`,
    /** How many links other than $cbs were attached. */
    links: () => links,
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
      unmapPorts();
    },
  };
}

function tokenTaken(request: Message): Message {
  return {
    ...(request.message_id !== undefined && { correlation_id: request.message_id }),
    application_properties: { 'status-code': rhea.types.wrap_int(200), 'status-description': 'OK' },
    body: undefined,
  };
}
