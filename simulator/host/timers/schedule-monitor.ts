import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

export interface ScheduleStatus {
  /** When the function last ran; undefined: never. */
  readonly last?: Date | undefined;
  readonly next: Date;
  readonly lastUpdated: Date;
}

/** Remembers when a timer is due, so that what was missed while nothing ran is made up for. */
export interface ScheduleMonitor {
  read(): Promise<ScheduleStatus | undefined>;
  write(status: ScheduleStatus): Promise<void>;
}

const schema = z.object({
  last: z.coerce.date().optional(),
  next: z.coerce.date(),
  lastUpdated: z.coerce.date(),
});

// The real host keeps the same in a blob.
export function fileScheduleMonitor(stateFolder: string, functionName: string): ScheduleMonitor {
  const folder = path.join(stateFolder, 'timers');
  const file = path.join(folder, `${functionName}.json`);
  return {
    async read() {
      const text = await readFile(file, 'utf8').catch(() => '');
      return schema.safeParse(parseJson(text)).data;
    },
    async write(status) {
      await mkdir(folder, { recursive: true });
      await writeFile(`${file}.tmp`, JSON.stringify(status));
      await rename(`${file}.tmp`, file);
    },
  };
}

// A file that a crash cut short says as much as none.
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
