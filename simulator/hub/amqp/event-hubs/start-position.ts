import type { EventPosition } from '../../state/event-position.ts';
import { HubError } from '../../state/hub-error.ts';

const FILTER = 'apache.org:selector-filter:string';
const EXPRESSION =
  /^amqp\.annotation\.x-opt-(offset|sequence-number|enqueued-?time(?:-?utc)?) *(>=?) *'?(@latest|-?\d{1,19})'?$/i;
const EARLIEST: EventPosition = { kind: 'offset', value: -1, isInclusive: false };

/** Where the filter of a link's source has it start; from the oldest event without one. Throws `argumentInvalid`. */
export function readStartPosition(filters: unknown): EventPosition {
  const expression = expressionIn(filters);
  if (expression === undefined) return EARLIEST;
  const [, field = '', operator, text = ''] = EXPRESSION.exec(expression.trim()) ?? [];
  if (operator === undefined) throw invalid(expression);
  if (text.toLowerCase() === '@latest') return { kind: 'latest' };
  const isInclusive = operator === '>=';
  const value = Number(text);
  switch (field.toLowerCase()) {
    case 'offset':
      return { kind: 'offset', value, isInclusive };
    case 'sequence-number':
      return { kind: 'sequenceNumber', value, isInclusive };
    default:
      return { kind: 'enqueuedTime', value, isInclusive };
  }
}

function expressionIn(filters: unknown): string | undefined {
  if (typeof filters !== 'object' || filters === null) return undefined;
  const filter: unknown = Object.entries(filters).find(([name]) => name === FILTER)?.[1];
  if (filter === undefined) return undefined;
  const value: unknown =
    typeof filter === 'object' && filter !== null && 'value' in filter ? filter.value : filter;
  if (typeof value === 'string') return value;
  throw invalid('not a text');
}

function invalid(expression: string): HubError {
  return new HubError(
    'argumentInvalid',
    `A filter must compare x-opt-offset, x-opt-sequence-number or x-opt-enqueued-time by > or >=; it is: ${expression.slice(0, 200)}`,
  );
}
