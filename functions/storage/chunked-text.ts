/** A string property holds at most 64 KiB of UTF-16, which are 32,768 characters. */
const CHUNK_CHARACTERS = 32_000;

/** Spreads a long text over the properties `name0`, `name1`, … */
export function toChunks(name: string, text: string): Record<string, string> {
  const chunks: Record<string, string> = {};
  for (let index = 0; index * CHUNK_CHARACTERS < text.length; index += 1) {
    chunks[`${name}${index}`] = text.slice(
      index * CHUNK_CHARACTERS,
      (index + 1) * CHUNK_CHARACTERS,
    );
  }
  return chunks;
}

export function fromChunks(name: string, row: Readonly<Record<string, unknown>>): string {
  let text = '';
  for (let index = 0; ; index += 1) {
    const chunk = row[`${name}${index}`];
    if (typeof chunk !== 'string') return text;
    text += chunk;
  }
}
