import type { JsonObject } from '../state/merge-patch.ts';
import { evaluate, nameIn, valueAt } from './evaluate.ts';
import type { Aggregate, Path, Query, SelectItem } from './syntax.ts';

export function isSelected({ where }: Query, document: JsonObject): boolean {
  return where === undefined || evaluate(where, document) === true;
}

/** Whether rows are made of several documents each. */
export function isGrouped({ select, groupBy }: Query): boolean {
  return groupBy !== undefined || select?.some(({ value }) => value.kind === 'aggregate') === true;
}

/** The row of one document; what it lacks is left out. */
export function rowOf({ select }: Query, document: JsonObject): JsonObject {
  if (!select) return document;
  return fields(select, (value) =>
    value.kind === 'path'
      ? { name: nameOf(value, document), value: valueAt(document, value.names) }
      : undefined,
  );
}

/** One row for each group, in the order in which they came up; without GROUP BY all are one group. */
export function groupedRows(query: Query, documents: Iterable<JsonObject>): JsonObject[] {
  const { select = [], groupBy } = query;
  const groups = new Map<string, JsonObject[]>();
  if (!groupBy) groups.set('[]', []);
  for (const document of documents) {
    const key = JSON.stringify(
      (groupBy ?? []).map(({ names }) => [valueAt(document, names)].filter(isDefined)),
    );
    const group = groups.get(key) ?? [];
    groups.set(key, group);
    group.push(document);
  }
  return [...groups.values()].map((group) => {
    const [first = {}] = group;
    return fields(select, (value) =>
      value.kind === 'path'
        ? { name: nameOf(value, first), value: valueAt(first, value.names) }
        : { value: aggregate(value, group) },
    );
  });
}

function fields(
  select: readonly SelectItem[],
  read: (value: SelectItem['value']) => { name?: string; value: unknown } | undefined,
): JsonObject {
  let unnamed = 0;
  const entries = select.flatMap(({ value, alias }): [string, unknown][] => {
    const field = read(value);
    // As the service calls what has no name of its own.
    const name = alias ?? field?.name ?? `$${++unnamed}`;
    return field?.value === undefined ? [] : [[name, field.value]];
  });
  return Object.fromEntries(entries);
}

function nameOf({ names }: Path, document: JsonObject): string {
  const last = names.at(-1) ?? '';
  return names.length === 1 ? (nameIn(document, last) ?? last) : last;
}

const AGGREGATIONS: Readonly<
  Record<Exclude<Aggregate['name'], 'COUNT'>, (numbers: readonly number[]) => number>
> = {
  SUM: sum,
  AVG: (numbers) => sum(numbers) / numbers.length,
  MIN: (numbers) => numbers.reduce((least, value) => Math.min(least, value)),
  MAX: (numbers) => numbers.reduce((most, value) => Math.max(most, value)),
};

function aggregate({ name, path }: Aggregate, documents: readonly JsonObject[]): unknown {
  if (name === 'COUNT' || !path) return documents.length;
  const values = documents.map((document) => valueAt(document, path.names));
  const numbers = values.filter((value) => typeof value === 'number');
  return numbers.length === 0 ? undefined : AGGREGATIONS[name](numbers);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, value) => total + value, 0);
}

function isDefined(value: unknown): boolean {
  return value !== undefined;
}
