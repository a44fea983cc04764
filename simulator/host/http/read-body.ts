import type { IncomingMessage } from 'node:http';

// The default of the real host's FUNCTIONS_REQUEST_BODY_SIZE_LIMIT.
const MAX_BODY_BYTES = 104_857_600;

export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError';
}

export async function readBody(request: IncomingMessage): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES)
    throw new BodyTooLargeError();
  const chunks: Buffer[] = [];
  let bytes = 0;
  await new Promise<void>((resolve, reject) => {
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= MAX_BODY_BYTES) {
        chunks.push(chunk);
      } else {
        chunks.length = 0;
        reject(new BodyTooLargeError());
      }
    });
    request.on('end', resolve);
    request.on('error', reject);
    request.on('close', () => {
      reject(new Error('The client went away'));
    });
  });
  return Buffer.concat(chunks);
}
