import net from 'node:net';
import type { AddressInfo } from 'node:net';

const HOST = '127.0.0.1';
const ANSWER_TIMEOUT_MS = 1_000;

export interface ControlSocket {
  port: number;
  close(): Promise<void>;
}

/**
 * Says the token to whoever connects. A process id alone does not show that a process still runs:
 * after a restart, and always in containers, the same number soon belongs to another one.
 */
export async function openControlSocket(token: string): Promise<ControlSocket> {
  const server = net.createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.end(token);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, HOST, resolve);
  });
  server.unref();
  const address = server.address();
  return {
    port: isAddress(address) ? address.port : 0,
    close: async () => {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Silence counts as life: a process that is halted still holds its ports and files. */
export async function isAnswering(port: number, token: string): Promise<boolean> {
  return new Promise((resolve) => {
    let said = '';
    const socket = net.connect({ host: HOST, port });
    const settle = (isAlive: boolean): void => {
      resolve(isAlive);
      socket.destroy();
    };
    socket.setEncoding('utf8').setTimeout(ANSWER_TIMEOUT_MS, () => settle(said === ''));
    socket.on('data', (data: string) => {
      said += data;
    });
    socket.on('end', () => settle(said === token));
    socket.on('error', () => settle(false));
  });
}

function isAddress(address: string | AddressInfo | null): address is AddressInfo {
  return typeof address === 'object' && address !== null;
}
