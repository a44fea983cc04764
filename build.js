import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';

const root = path.dirname(fileURLToPath(import.meta.url));

/** @type {import('esbuild').BuildOptions} */
const shared = {
  absWorkingDir: root,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
  legalComments: 'none',
  logLevel: 'warning',
};

/** What is deployed, run locally and tested end to end: one bundle, everything inside. */
export const functionsBuild = {
  ...shared,
  entryPoints: ['functions/index.ts'],
  outdir: 'dist/functions',
  // Class names show in logs and in the SDKs' error names.
  keepNames: true,
  // The Functions host provides it; it is on no registry.
  external: ['@azure/functions-core'],
  // The CommonJS packages inside still call require for Node's own modules. One of the others imports createRequire
  // under its own name.
  banner: {
    js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
  },
};

/** Our own files only: its dependencies are installed beside it. */
const simulator = {
  ...shared,
  entryPoints: ['index', 'cli/main', 'host/main', 'storage/main'].map(
    (name) => `simulator/${name}.ts`,
  ),
  outdir: 'simulator/dist',
  outbase: 'simulator',
  packages: 'external',
};

export async function build() {
  await Promise.all([functionsBuild, simulator].map(buildOne));
}

/** @param {import('esbuild').BuildOptions & { outdir: string }} options */
async function buildOne(options) {
  const { outputFiles } = await esbuild.build({ ...options, write: false });
  await Promise.all(outputFiles.map(writeChanged));
  await removeAllBut(
    outputFiles.map((file) => file.path),
    path.join(root, options.outdir),
  );
}

// What did not change is not touched: an app that is running may still load its lazy chunks, and
// test runs beside each other do not pull files from under one another.
async function writeChanged({ path: file, contents }) {
  const old = await readFile(file).catch(() => undefined);
  if (old?.equals(contents)) return;
  await mkdir(path.dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  await writeFile(temporary, contents);
  await rename(temporary, file);
}

async function removeAllBut(kept, folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const stale = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => file.endsWith('.js') && !kept.includes(file));
  await Promise.all(stale.map((file) => rm(file, { force: true })));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await build();
  } catch (error) {
    // esbuild has already printed what is wrong in the sources, and where.
    if (!('errors' in error)) console.error(error);
    process.exitCode = 1;
  }
}
