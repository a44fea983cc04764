/** The few pieces of ITU-T X.690 (DER) that a certificate is made of. */
export const sequence = (...parts: Buffer[]): Buffer => element(0x30, ...parts);
export const set = (...parts: Buffer[]): Buffer => element(0x31, ...parts);
export const octetString = (content: Buffer): Buffer => element(0x04, content);
export const boolean = (value: boolean): Buffer => element(0x01, Buffer.from([value ? 0xff : 0]));
export const utf8String = (text: string): Buffer => element(0x0c, Buffer.from(text));
/** `[number] EXPLICIT`. */
export const explicit = (number: number, content: Buffer): Buffer =>
  element(0xa0 | number, content);
/** `[number] IMPLICIT` of a primitive type. */
export const implicit = (number: number, content: Buffer): Buffer =>
  element(0x80 | number, content);

/** X.690 §8.3: big-endian two's complement, as short as can be. */
export function integer(value: Buffer): Buffer {
  let start = 0;
  while (start < value.length - 1 && value[start] === 0) start++;
  const shortest = value.subarray(start);
  const isNegativeLooking = ((shortest[0] ?? 0) & 0x80) !== 0;
  return element(0x02, isNegativeLooking ? Buffer.concat([Buffer.from([0]), shortest]) : shortest);
}

/** X.690 §8.6 */
export function bitString(content: Buffer, unusedBits = 0): Buffer {
  return element(0x03, Buffer.from([unusedBits]), content);
}

/** X.690 §8.19: the first two numbers share a byte, the others have seven bits in each. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [40 * first + second];
  for (const number of rest) {
    const digits = [number & 0x7f];
    for (let left = number >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80);
    bytes.push(...digits);
  }
  return element(0x06, Buffer.from(bytes));
}

/** RFC 5280 §4.1.2.5: two digits for the year before 2050, four from then on. */
export function time(at: number): Buffer {
  const digits = new Date(at).toISOString().replace(/\.\d+Z$|[-:T]/g, '');
  const isUtcTime = Number(digits.slice(0, 4)) < 2050;
  return element(isUtcTime ? 0x17 : 0x18, Buffer.from(`${digits.slice(isUtcTime ? 2 : 0)}Z`));
}

function element(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag, ...lengthOf(content)]), content]);
}

/** X.690 §8.1.3 */
function lengthOf(content: Buffer): number[] {
  if (content.length < 0x80) return [content.length];
  const bytes: number[] = [];
  for (let left = content.length; left > 0; left >>>= 8) bytes.unshift(left & 0xff);
  return [0x80 | bytes.length, ...bytes];
}
