import type { IncomingMessage } from 'node:http';
import { HubError } from '../state/hub-error.ts';

/** Beyond the limit bytes are read and dropped, for a caller that hears nothing before it has sent all; an end to that. */
const MAX_DROPPED_BYTES = 4 * 1024 * 1024;

/** Throws `requestTooLarge`. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const tooLarge = new HubError('requestTooLarge', `At most ${maxBytes} bytes are taken here`);
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge;
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= maxBytes) chunks.push(chunk);
    else if (length > maxBytes + MAX_DROPPED_BYTES) throw tooLarge;
  }
  if (length > maxBytes) throw tooLarge;
  return Buffer.concat(chunks);
}
