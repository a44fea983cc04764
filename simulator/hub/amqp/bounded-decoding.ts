import { readerPrototype } from './rhea-internals.ts';

/** Values without bytes of their own, such as null and true. */
const MAX_EMPTY_ITEMS = 1_024;

let isApplied = false;

/**
 * rhea believes the counts of lists, maps and arrays: a frame of twenty bytes could have it make
 * four thousand million values. Applies to this process's rhea for good.
 */
export function boundDecoding(): void {
  if (isApplied) return;
  isApplied = true;
  const reader = readerPrototype();
  const { read_array_items: readArrayItems } = reader;
  // No room is made in advance either: lists in lists may each claim all the bytes that are left.
  reader.read_n = function (this: typeof reader, count) {
    if (count > this.remaining()) throw new RangeError('More items than bytes');
    const items: unknown[] = [];
    while (items.length < count) items.push(this.read());
    return items;
  };
  reader.read_array_items = function (this: typeof reader, count, type) {
    const limit = type.width === 0 ? MAX_EMPTY_ITEMS : this.remaining();
    if (count > limit) throw new RangeError('More array items than bytes');
    return readArrayItems.call(this, count, type);
  };
}
