// Prints how long it takes to load the deployed bundle, beside the same SDKs imported plainly: each in fresh
// processes, in turn, so that both see the same machine.
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const ROUNDS = 15;
const root = path.resolve(import.meta.dirname, '..');

const cases = {
  'empty module': [`data:text/javascript,`],
  'deployed bundle': [pathToFileURL(path.join(root, 'dist/functions/index.js')).href],
  'SDKs, plainly': [
    '@azure/functions',
    'azure-iothub',
    '@azure/data-tables',
    '@azure/storage-queue',
    'rhea-promise',
    'zod',
  ],
};

/** Milliseconds from before the first import to after the last, as the process itself measures them. */
function measure(modules) {
  const script = `
    const before = performance.now();
    for (const module of ${JSON.stringify(modules)}) await import(module);
    console.log('loaded', performance.now() - before);
    process.exit();`;
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    env: {
      ...process.env,
      DOWNLINK_IOTHUB_CONNECTION_STRING:
        'HostName=localhost;SharedAccessKeyName=service;SharedAccessKey=a2V5',
      AzureWebJobsStorage: 'UseDevelopmentStorage=true',
    },
  });
  return Number(/loaded (\S+)/.exec(output)?.[1]);
}

const results = Object.fromEntries(Object.keys(cases).map((name) => [name, []]));
for (let round = 0; round <= ROUNDS; round += 1) {
  for (const [name, modules] of Object.entries(cases)) {
    const ms = measure(modules);
    // The first round warms the file cache.
    if (round > 0) results[name].push(ms);
  }
}

console.log(`Node ${process.version}, ${ROUNDS} fresh processes each, milliseconds`);
for (const [name, all] of Object.entries(results)) {
  const sorted = all.toSorted((a, b) => a - b);
  const at = (share) => sorted[Math.floor(share * (sorted.length - 1))].toFixed(1).padStart(7);
  console.log(`${name.padEnd(16)} min ${at(0)}  median ${at(0.5)}  max ${at(1)}`);
}
