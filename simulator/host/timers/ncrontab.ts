import { HostError } from '../host-error.ts';

interface Field {
  readonly name: string;
  readonly least: number;
  readonly most: number;
  readonly names?: readonly string[];
}

const MONTHS =
  'january february march april may june july august september october november december';
const DAYS = 'sunday monday tuesday wednesday thursday friday saturday';

const FIELDS: readonly Field[] = [
  { name: 'second', least: 0, most: 59 },
  { name: 'minute', least: 0, most: 59 },
  { name: 'hour', least: 0, most: 23 },
  { name: 'day', least: 1, most: 31 },
  { name: 'month', least: 1, most: 12, names: MONTHS.split(' ') },
  { name: 'day of week', least: 0, most: 6, names: DAYS.split(' ') },
];

/**
 * An NCRONTAB expression, `{second} {minute} {hour} {day} {month} {day of week}`, with every field spelt
 * out as a list of numbers: what other dialects of cron know beyond it is refused.
 */
export function parseNcrontab(expression: string): string {
  const texts = expression.trim().split(/\s+/);
  if (texts.length !== FIELDS.length) {
    throw new HostError(
      `the schedule "${expression}" needs six fields, {second} {minute} {hour} {day} {month} {day of week}, ` +
        'or must be a time span such as 00:05:00',
    );
  }
  return FIELDS.map((field, index) => {
    const numbers = new Set(
      (texts[index] ?? '').split(',').flatMap((item) => parseItem(field, item)),
    );
    return numbers.size === field.most - field.least + 1 ? '*' : [...numbers].join(',');
  }).join(' ');
}

const ITEM = /^(?:\*|(\w+)(?:-(\w+))?)(?:\/(\d+))?$/;

function parseItem(field: Field, item: string): number[] {
  const match = ITEM.exec(item);
  if (match === null) throw new HostError(`"${item}" cannot be the ${field.name} of a schedule`);
  const [, first, second, every] = match;
  const step = Number(every ?? 1);
  if (step < 1) throw new HostError(`"${item}" steps by nothing`);
  const bounds =
    first === undefined
      ? [field.least, field.most]
      : [
          parseValue(field, first),
          // `5/10` runs to the end of the field.
          second === undefined && every !== undefined
            ? field.most
            : parseValue(field, second ?? first),
        ];
  // NCRONTAB takes a range either way round.
  const [from, to] = [Math.min(...bounds), Math.max(...bounds)];
  const count = Math.floor((to - from) / step) + 1;
  return Array.from({ length: count }, (_, index) => from + index * step);
}

const SHORT_NAME_LENGTH = 3;

function parseValue({ name, least, most, names = [] }: Field, text: string): number {
  const lower = text.toLowerCase();
  const named = names.findIndex(
    (each) => each === lower || each.slice(0, SHORT_NAME_LENGTH) === lower,
  );
  const value = named === -1 ? Number(/^\d+$/.test(text) ? text : Number.NaN) : named + least;
  if (value >= least && value <= most) return value;
  throw new HostError(
    `"${text}" cannot be the ${name} of a schedule, which goes from ${String(least)} to ${String(most)}`,
  );
}
