import type { JsonObject } from '../state/merge-patch.ts';
import { groupedRows, isGrouped, isSelected, rowOf } from './project.ts';
import type { Query } from './syntax.ts';

/** A document and its place in its collection, from which to go on later. */
export interface Placed {
  readonly ordinal: number;
  readonly document: JsonObject;
}

/** Where a query goes on. */
export interface Progress {
  /** The place of the last document that was given. */
  readonly after: number;
  /** Rows of earlier pages. */
  readonly given: number;
}

export interface QueryPage {
  readonly rows: readonly JsonObject[];
  /** Absent after the last row. */
  readonly next?: Progress;
}

export const BEGINNING: Progress = { after: 0, given: 0 };

/** `documentsAfter` gives those of the query's collection, in order of place. */
export function queryPage(
  query: Query,
  documentsAfter: (ordinal: number) => Iterable<Placed>,
  size: number,
  { after, given }: Progress = BEGINNING,
): QueryPage {
  const top = query.top ?? Infinity;
  if (isGrouped(query)) {
    const all = groupedRows(query, selected(query, documentsAfter(0))).slice(0, top);
    const rows = all.slice(given, given + size);
    const isLast = given + size >= all.length;
    return isLast ? { rows } : { rows, next: { after: 0, given: given + size } };
  }
  const rows: JsonObject[] = [];
  let last = after;
  for (const { ordinal, document } of documentsAfter(after)) {
    if (given + rows.length === top) break;
    if (!isSelected(query, document)) continue;
    if (rows.length === size) return { rows, next: { after: last, given: given + size } };
    rows.push(rowOf(query, document));
    last = ordinal;
  }
  return { rows };
}

function* selected(query: Query, placed: Iterable<Placed>): Generator<JsonObject> {
  for (const { document } of placed) if (isSelected(query, document)) yield document;
}
