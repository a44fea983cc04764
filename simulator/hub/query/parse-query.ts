import { HubError } from '../state/hub-error.ts';
import { parseExpression, parsePath } from './parse-expression.ts';
import {
  AGGREGATES,
  COLLECTIONS,
  type Collection,
  type Path,
  type Query,
  type SelectItem,
} from './syntax.ts';
import { TokenReader } from './token-reader.ts';

/** https://learn.microsoft.com/azure/iot-hub/query-twins#twin-query-limitations */
const MAX_LENGTH = 8192;

/** Throws `argumentInvalid`. */
export function parseQuery(text: string): Query {
  if (text.length > MAX_LENGTH)
    throw new HubError('argumentInvalid', `A query has ${MAX_LENGTH} characters at most`);
  const reader = new TokenReader(text);
  reader.expect('SELECT');
  const top = reader.take('TOP') ? parseTop(reader) : undefined;
  const selectStart = reader.current;
  const select = reader.take('*') ? undefined : parseSelect(reader);
  reader.expect('FROM');
  const from = parseCollection(reader);
  const where = reader.take('WHERE')
    ? parseExpression(reader, (names) => namesInDocument(names, from))
    : undefined;
  const groupBy = reader.take('GROUP') ? parseGroupBy(reader) : undefined;
  reader.expectEnd();
  const query: Query = {
    from,
    ...(top !== undefined && { top }),
    ...(select && { select: select.map((item) => withoutCollection(item, from)) }),
    ...(where && { where }),
    ...(groupBy && { groupBy: groupBy.map((path) => pathInDocument(path, from)) }),
  };
  const fault = groupingFault(query);
  if (fault !== undefined) throw reader.error(fault, selectStart);
  return query;
}

function parseTop(reader: TokenReader): number {
  const token = reader.current;
  if (token.kind !== 'constant' || !Number.isSafeInteger(token.value) || Number(token.value) < 1)
    throw reader.expected('a whole number above 0');
  reader.advance();
  return Number(token.value);
}

function parseSelect(reader: TokenReader): SelectItem[] {
  const items: SelectItem[] = [];
  do {
    const value = parseSelected(reader);
    const alias = reader.take('AS') ? reader.expectName('a name') : undefined;
    items.push({ value, ...(alias !== undefined && { alias }) });
  } while (reader.take(','));
  return items;
}

function parseSelected(reader: TokenReader): SelectItem['value'] {
  const token = reader.current;
  const names = parsePath(reader);
  if (!reader.take('(')) return { kind: 'path', names };
  const name = AGGREGATES.find((known) => known === names.join('.').toUpperCase());
  if (name === undefined)
    throw reader.error(`what is selected is a property or one of ${AGGREGATES.join(', ')}`, token);
  const path: Path | undefined =
    name === 'COUNT' ? undefined : { kind: 'path', names: parsePath(reader) };
  reader.expect(')');
  return { kind: 'aggregate', name, ...(path && { path }) };
}

function parseCollection(reader: TokenReader): Collection {
  const token = reader.current;
  const written = parsePath(reader).join('.');
  const found = COLLECTIONS.find((known) => known === written.toLowerCase());
  if (found !== undefined) return found;
  const known = COLLECTIONS.join(' and ');
  throw reader.error(`the simulated hub has the collections ${known}, not ${written}`, token);
}

function parseGroupBy(reader: TokenReader): Path[] {
  reader.expect('BY');
  const paths: Path[] = [];
  do paths.push({ kind: 'path', names: parsePath(reader) });
  while (reader.take(','));
  return paths;
}

/** What of a query that groups, or counts, has no meaning. */
function groupingFault({ select, groupBy }: Query): string | undefined {
  const isGrouped =
    groupBy !== undefined || select?.some(({ value }) => value.kind === 'aggregate') === true;
  if (!isGrouped) return undefined;
  if (!select) return 'GROUP BY takes names and aggregates, not *';
  const groups = new Set((groupBy ?? []).map(({ names }) => names.join('.')));
  const stray = select.find(
    ({ value }) => value.kind === 'path' && !groups.has(value.names.join('.')),
  );
  if (stray?.value.kind !== 'path') return undefined;
  return `${stray.value.names.join('.')} is neither in GROUP BY nor in an aggregate`;
}

/** Names may begin with that of the collection. */
function namesInDocument(names: readonly string[], from: Collection): readonly string[] {
  const prefix = from.split('.');
  const hasPrefix = prefix.every((name, place) => names[place]?.toLowerCase() === name);
  return hasPrefix && names.length > prefix.length ? names.slice(prefix.length) : names;
}

function pathInDocument({ names }: Path, from: Collection): Path {
  return { kind: 'path', names: namesInDocument(names, from) };
}

function withoutCollection({ value, ...item }: SelectItem, from: Collection): SelectItem {
  if (value.kind === 'path') return { ...item, value: pathInDocument(value, from) };
  if (!value.path) return { ...item, value };
  return { ...item, value: { ...value, path: pathInDocument(value.path, from) } };
}
