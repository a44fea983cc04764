export type LogLevel =
  'trace' | 'debug' | 'information' | 'warning' | 'error' | 'critical' | 'none';

export interface HostLog {
  /** `source` is the function whose line it is, or `host`. */
  write(level: LogLevel, source: string, message: string): void;
}

const SEVERITY: Record<LogLevel, number> = {
  trace: 0,
  debug: 1,
  information: 2,
  warning: 3,
  error: 4,
  critical: 5,
  none: 6,
};

/** Writes lines of at least a level: `[12:00:00.000] warning sendMessage: …`. */
export function lineLog(writeLine: (line: string) => void, atLeast: LogLevel): HostLog {
  return {
    write(level, source, message) {
      if (level === 'none' || SEVERITY[level] < SEVERITY[atLeast]) return;
      const time = new Date().toISOString().slice(11, 23);
      writeLine(`[${time}] ${level} ${source}: ${message}`);
    },
  };
}
