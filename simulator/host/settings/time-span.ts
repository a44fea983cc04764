const TIME_SPAN = /^(?:(\d+)\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,7}))?)?$/;

/**
 * Milliseconds of a .NET TimeSpan, `[d.]hh:mm[:ss[.fffffff]]`; undefined when it is none. .NET reads
 * 24:00:00 as 24 days, which nobody means: hours beyond 23 are refused.
 */
export function parseTimeSpan(text: string): number | undefined {
  const match = TIME_SPAN.exec(text.trim());
  if (match === null) return undefined;
  const [days, hours, minutes, seconds] = match.slice(1, 5).map((digits) => Number(digits ?? 0));
  const fraction = Number(`0.${match[5] ?? 0}`);
  if (days === undefined || hours === undefined || minutes === undefined || seconds === undefined) {
    return undefined;
  }
  if (hours > 23 || minutes > 59 || seconds > 59) return undefined;
  return Math.round((((days * 24 + hours) * 60 + minutes) * 60 + seconds + fraction) * 1_000);
}
