/** A binary property holds at most 64 KiB. https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model */
const CHUNK_BYTES = 64 * 1024;

/**
 * Spreads a long text over the binary properties `name0`, `name1`, …: UTF-8, where text properties would take two
 * bytes for each character of a row's 1 MiB.
 */
export function toByteChunks(name: string, text: string): Record<string, Uint8Array> {
  // A Buffer: of a part of any other array the SDK would send the whole.
  const bytes = Buffer.from(text);
  const chunks: Record<string, Uint8Array> = {};
  for (let index = 0; index * CHUNK_BYTES < bytes.length; index += 1) {
    chunks[`${name}${index}`] = bytes.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES);
  }
  return chunks;
}

export function fromByteChunks(name: string, row: Readonly<Record<string, unknown>>): string {
  const chunks: Uint8Array[] = [];
  for (let index = 0; ; index += 1) {
    const chunk = row[`${name}${index}`];
    if (!(chunk instanceof Uint8Array)) return Buffer.concat(chunks).toString();
    chunks.push(chunk);
  }
}
