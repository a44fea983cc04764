import path from 'node:path';
import type { ProgramCommand } from '../program.ts';

export function nodeProgram(file: string, transport: string): ProgramCommand {
  return {
    file: process.execPath,
    arguments: [path.join(import.meta.dirname, file), transport],
  };
}
