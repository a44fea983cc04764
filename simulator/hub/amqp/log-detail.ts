export type LogDetail = Readonly<Record<string, string | number | boolean>>;

const MAX_LOGGED_LENGTH = 200;

/** What the other side wrote may be anything. */
export function loggable(text: unknown): string {
  return typeof text === 'string' ? text.slice(0, MAX_LOGGED_LENGTH) : '';
}
