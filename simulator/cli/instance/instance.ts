import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { errorCode } from '../error-code.ts';
import { isAnswering } from './control-socket.ts';

/** What a running command leaves in files for others to find it by. */
const instanceSchema = z.object({
  command: z.string(),
  pid: z.int().positive(),
  startedAt: z.string(),
  folder: z.string(),
  /** The ports it was told to listen on, those that it answers for. */
  ports: z.array(z.int()),
  control: z.object({ port: z.int().min(1).max(65_535), token: z.string().min(1) }),
});

/** Half a file is not JSON: one that is being written, or never was written to its end. */
const instanceText = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue('not JSON');
      return z.NEVER;
    }
  })
  .pipe(instanceSchema);

export type Instance = z.infer<typeof instanceSchema>;

/** `undefined` when there is no such file or it holds something else. */
export async function readInstance(file: string): Promise<Instance | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  return instanceText.safeParse(text).data;
}

export async function isRunning({ control }: Instance): Promise<boolean> {
  return isAnswering(control.port, control.token);
}

export function describeInstance({ command, pid, startedAt, folder }: Instance): string {
  return `process ${pid}, "downlink ${command}" in ${folder}, since ${startedAt}`;
}
