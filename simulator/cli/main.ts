import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { commands } from './commands.ts';
import { packageRoot } from './package-root.ts';
import { runCommand } from './run-command.ts';

const { version } = z
  .object({ version: z.string() })
  .parse(JSON.parse(readFileSync(path.join(packageRoot, 'package.json'), 'utf8')));

process.exitCode = await runCommand(commands, version, process.argv.slice(2));
