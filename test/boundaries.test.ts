import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

/** A breach of every wall: file, what it imports, the rule that must say no. */
const BREACHES = [
  ['functions/messages/a.ts', './b.ts', 'no-cycles'],
  ['functions/messages/edge.ts', '../http/empty.ts', 'domain-knows-no-edge'],
  ['functions/methods/config.ts', '../config.ts', 'domain-knows-no-edge'],
  ['functions/event-log/edge.ts', '../http/empty.ts', 'domain-knows-no-edge'],
  ['functions/devices/sdk.ts', '@azure/functions', 'domain-knows-no-sdk'],
  ['functions/messages/sdk.ts', 'azure-iothub', 'domain-knows-no-sdk'],
  ['functions/http/storage.ts', '../storage/empty.ts', 'edges-never-import-each-other'],
  ['functions/iothub/http.ts', '../http/empty.ts', 'edges-never-import-each-other'],
  ['functions/queues/schedules.ts', '../schedules/empty.ts', 'edges-never-import-each-other'],
  ['functions/services.ts', './index.ts', 'only-the-root-composes'],
  ['functions/http/sdk.ts', 'azure-iothub', 'sdk-of-the-hub-stays-in-iothub'],
  ['functions/storage/amqp.ts', 'rhea-promise', 'sdk-of-the-hub-stays-in-iothub'],
  ['functions/iothub/table.ts', '@azure/data-tables', 'sdk-of-storage-stays-in-storage'],
  ['functions/iothub/sim.ts', '../../simulator/index.ts', 'functions-never-import-simulator'],
  ['simulator/cli/app.ts', '../../functions/errors.ts', 'simulator-never-imports-functions'],
  ['simulator/hub/state/io.ts', 'node:fs', 'hub-state-is-pure'],
  ['simulator/hub/state/auth.ts', '../auth/empty.ts', 'hub-state-is-pure'],
  ['simulator/hub/state/rhea.ts', 'rhea', 'hub-state-is-pure'],
  ['simulator/hub/query/auth.ts', '../auth/empty.ts', 'hub-query-knows-the-state-alone'],
  ['simulator/hub/query/io.ts', 'node:fs', 'hub-query-knows-the-state-alone'],
  ['simulator/hub/amqp/mqtt.ts', '../mqtt/empty.ts', 'hub-heads-never-import-each-other'],
  [
    'simulator/hub/https/admin.ts',
    '../admin/empty.ts',
    'hub-heads-know-no-admin-and-no-websockets',
  ],
  ['simulator/devices/hub.ts', '../hub/state/empty.ts', 'devices-never-import-the-hub'],
  ['simulator/host/hub.ts', '../hub/state/empty.ts', 'host-never-imports-the-hub'],
  ['simulator/cli/test.ts', '../../test/empty.ts', 'production-never-imports-tests'],
] as const;

/** What the breaches import. */
const IMPORTED = [
  'functions/config.ts',
  'functions/errors.ts',
  'functions/index.ts',
  'functions/http/empty.ts',
  'functions/schedules/empty.ts',
  'functions/storage/empty.ts',
  'simulator/index.ts',
  'simulator/hub/admin/empty.ts',
  'simulator/hub/auth/empty.ts',
  'simulator/hub/mqtt/empty.ts',
  'simulator/hub/state/empty.ts',
  'test/empty.ts',
];

interface Violation {
  readonly from: string;
  readonly rule: { readonly name: string };
}

describe('the walls of ARCHITECTURE.md', () => {
  const project = process.cwd();
  const tree = mkdtempSync(path.join(tmpdir(), 'downlink-walls-'));
  let found: string[] = [];

  function write(file: string, text: string): void {
    mkdirSync(path.join(tree, path.dirname(file)), { recursive: true });
    writeFileSync(path.join(tree, file), text);
  }

  beforeAll(() => {
    for (const file of IMPORTED) write(file, 'export {};\n');
    write('functions/messages/b.ts', "import './a.ts';\n");
    for (const [file, imported] of BREACHES) write(file, `import '${imported}';\n`);
    symlinkSync(path.join(project, 'node_modules'), path.join(tree, 'node_modules'), 'junction');
    let report: string;
    try {
      report = execFileSync(
        process.execPath,
        [
          path.join(project, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs'),
          'functions',
          'simulator',
          'test',
          `--config=${path.join(project, '.dependency-cruiser.cjs')}`,
          '--output-type=json',
        ],
        { cwd: tree, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
      );
    } catch (error) {
      // Violations make it exit with their number.
      report = (error as { stdout: string }).stdout;
    }
    const { summary }: { summary: { violations: Violation[] } } = JSON.parse(report);
    found = summary.violations.map(({ from, rule }) => `${rule.name}: ${from}`);
  });

  afterAll(() => {
    rmSync(tree, { recursive: true, force: true });
  });

  test.each(BREACHES)('%s must not import %s (%s)', (file, _, rule) => {
    expect(found).toContain(`${rule}: ${file}`);
  });
});
