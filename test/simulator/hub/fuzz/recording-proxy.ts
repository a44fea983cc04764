import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import { newHubCertificate } from '../../../../simulator/hub/tls/hub-certificate.ts';

/** What one client sent on one connection. */
export interface Recording {
  readonly steps: readonly {
    readonly bytes: Buffer;
    /** How much the hub had sent by then. */
    readonly answeredBytes: number;
  }[];
  /** All that the hub sent. */
  readonly answers: Buffer;
}

export interface RecordingProxy {
  readonly port: number;
  readonly certificateAuthorityPem: string;
  /** What was recorded since, one for each connection. */
  take(): Recording[];
  stop(): Promise<void>;
}

/** Takes TLS connections of SDKs, passes them on to a plain port and keeps what passes. */
export async function startRecordingProxy(plainPort: number): Promise<RecordingProxy> {
  const certificate = await newHubCertificate('localhost', Date.now());
  const sockets = new Set<net.Socket>();
  let recordings: Recording[] = [];

  const server = tls.createServer(certificate, (client) => {
    const hub = net.connect({ host: '127.0.0.1', port: plainPort, noDelay: true });
    const steps: { bytes: Buffer; answeredBytes: number }[] = [];
    const recording = { steps, answers: Buffer.alloc(0) };
    recordings.push(recording);
    for (const [socket, other] of [
      [client, hub],
      [hub, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    client.on('data', (bytes: Buffer) => {
      steps.push({ bytes, answeredBytes: recording.answers.length });
      hub.write(bytes);
    });
    hub.on('data', (bytes: Buffer) => {
      recording.answers = Buffer.concat([recording.answers, bytes]);
      client.write(bytes);
    });
  });
  await once(server.listen(0, 'localhost'), 'listening');

  return {
    port: (server.address() as AddressInfo).port,
    certificateAuthorityPem: certificate.ca,
    take() {
      const taken = recordings;
      recordings = [];
      return taken;
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
