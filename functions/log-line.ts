/** An event with its fields on one line, so that a query over the logs can take it apart again. */
export function logLine(event: string, fields: Readonly<Record<string, unknown>>): string {
  return `${event} ${JSON.stringify(fields)}`;
}
