#!/usr/bin/env node
import { existsSync } from 'node:fs';

const oldestNode = [20, 19];
const [major, minor] = process.versions.node.split('.').map(Number);

if (major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1])) {
  process.stderr.write(
    `Downlink needs Node ${oldestNode.join('.')} or newer; this is ${process.version}.\n`,
  );
  process.exitCode = 1;
} else if (existsSync(new URL('../dist/cli/main.js', import.meta.url))) {
  await import('../dist/cli/main.js');
} else {
  process.stderr.write('Downlink is not built yet. Run: npm run build\n');
  process.exitCode = 1;
}
