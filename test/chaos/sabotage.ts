import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as esbuild from 'esbuild';
import { functionsBuild } from '../../build.js';

interface Sabotage {
  readonly file: string;
  readonly edits: readonly (readonly [honest: string, broken: string])[];
}

/** Promises broken on purpose: a check that does not see them would see nothing. */
export const SABOTAGES: Readonly<Record<string, Sabotage>> = {
  'settle-before-store': {
    file: 'functions/messages/drain-feedback.ts',
    edits: [
      [
        'const tally = await recordFeedback(',
        `await Promise.all(batches.map(async (batch) => batch.complete()));
      // Long enough for a kill to come in between.
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      const tally = await recordFeedback(`,
      ],
      ['await Promise.all(batches.map(async (batch) => batch.complete()));\n      total', 'total'],
    ],
  },
  'no-lease': {
    file: 'functions/messages/lifecycle.ts',
    edits: [
      [
        'return message.handOver !== undefined && message.handOver.until <= now;',
        "return message.status !== 'delivered';",
      ],
    ],
  },
};

const root = path.resolve(import.meta.dirname, '../..');

/** The app as it is deployed, but for the broken promise, in a folder of its own. */
export async function buildSabotaged(
  name: string,
): Promise<{ folder: string; remove: () => Promise<void> }> {
  const sabotage = SABOTAGES[name];
  if (!sabotage) {
    throw new Error(`--break knows ${Object.keys(SABOTAGES).join(', ')}, not '${name}'`);
  }
  const folder = await mkdtemp(path.join(tmpdir(), 'downlink-sabotaged-'));
  await esbuild.build({
    ...functionsBuild,
    outdir: path.join(folder, 'dist/functions'),
    plugins: [editing(sabotage)],
  });
  await Promise.all(
    ['host.json', 'package.json'].map(async (file) =>
      cp(path.join(root, file), path.join(folder, file)),
    ),
  );
  return { folder, remove: async () => rm(folder, { recursive: true, force: true }) };
}

function editing({ file, edits }: Sabotage): esbuild.Plugin {
  return {
    name: 'sabotage',
    setup(build) {
      build.onLoad(
        { filter: new RegExp(`${path.basename(file).replaceAll('.', '\\.')}$`) },
        async (args) => {
          if (path.relative(root, args.path) !== file) return undefined;
          let contents = await readFile(args.path, 'utf8');
          for (const [honest, broken] of edits) {
            if (!contents.includes(honest)) throw new Error(`${file} has no '${honest}' any more`);
            contents = contents.replace(honest, () => broken);
          }
          return { contents, loader: 'ts' };
        },
      );
    },
  };
}
