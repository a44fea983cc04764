import { execFile } from 'node:child_process';
import {
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

const root = path.resolve(import.meta.dirname, '..');
const run = promisify(execFile);
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'build-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** A small project with the same build. */
async function aProject(sources: Record<string, string>): Promise<void> {
  await cp(path.join(root, 'build.js'), path.join(folder, 'build.js'));
  await writeFile(path.join(folder, 'package.json'), '{"type":"module"}');
  await symlink(path.join(root, 'node_modules'), path.join(folder, 'node_modules'), 'junction');
  const entryPoints = ['index', 'cli/main', 'host/main', 'storage/main'];
  const simulator = entryPoints.map((name) => [`simulator/${name}.ts`, 'export {};']);
  for (const [file = '', text = ''] of [...simulator, ...Object.entries(sources)]) {
    await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
    await writeFile(path.join(folder, file), text);
  }
}

const build = async () => run(process.execPath, ['build.js'], { cwd: folder });

const chunks = async (): Promise<string[]> => readdir(path.join(folder, 'dist/functions/chunks'));

describe('build.js', () => {
  test('builds an app that needs no package beside it, every lazy part of it too', async () => {
    await run(process.execPath, ['build.js'], { cwd: root });
    await cp(path.join(root, 'dist/functions'), path.join(folder, 'dist'), { recursive: true });
    await writeFile(path.join(folder, 'package.json'), '{"type":"module"}');
    const script = `
      import { readdirSync } from 'node:fs';
      await import('./dist/index.js');
      for (const chunk of readdirSync('./dist/chunks')) await import('./dist/chunks/' + chunk);
      console.log('all loaded');
    `;
    await writeFile(path.join(folder, 'load.js'), script);

    const { stdout } = await run(process.execPath, ['load.js'], {
      cwd: folder,
      env: {
        DOWNLINK_IOTHUB_CONNECTION_STRING: 'HostName=h;SharedAccessKeyName=n;SharedAccessKey=a2V5',
        AzureWebJobsStorage: 'UseDevelopmentStorage=true',
      },
    });

    expect(stdout).toContain('all loaded');
  });

  test('loads no SDK at a start', async () => {
    const folderOfBundle = path.join(root, 'dist/functions');
    const loaded = new Map<string, string>();
    const load = async (file: string): Promise<void> => {
      if (loaded.has(file)) return;
      const text = await readFile(file, 'utf8');
      loaded.set(file, text);
      const imports = text.matchAll(/^(?:import|export) ?(?:[^'"]* from ?)?["'](\.[^"']+)["']/gm);
      for (const [, name = ''] of imports) await load(path.resolve(path.dirname(file), name));
    };
    await load(path.join(folderOfBundle, 'index.js'));
    const atStart = [...loaded.values()].join('\n');

    expect(atStart).toContain('createRequire');
    expect(atStart).not.toMatch(
      /node_modules\/(azure-iothub|rhea|@azure\/(data-tables|storage-queue))\//,
    );
  });

  test('does not touch what did not change, and removes what is no more', async () => {
    await aProject({
      'functions/index.ts': `export const load = async () => [import('./a.ts'), import('./b.ts')];`,
      'functions/a.ts': `export const a = 'a';`,
      'functions/b.ts': `export const b = 'b';`,
    });
    await build();
    const named = async (start: string) => (await chunks()).find((name) => name.startsWith(start));
    const unchanged = path.join(folder, 'dist/functions/chunks', (await named('a-')) ?? '');
    const oldB = await named('b-');
    const { mtimeMs, ino } = await stat(unchanged);

    await writeFile(path.join(folder, 'functions/b.ts'), `export const b = 'other';`);
    await build();

    expect(await stat(unchanged)).toMatchObject({ mtimeMs, ino });
    expect(await named('b-')).toBeDefined();
    expect(await chunks()).not.toContain(oldB);
  });

  test('keeps class names, which logs and errors show', async () => {
    await aProject({
      'functions/index.ts': `
        const make = (Base: typeof Error) => class DeviceGone extends Base {};
        { class Shadow {} void Shadow; }
        class Shadow {}
        console.log(make(Error).name, Shadow.name);
      `,
    });
    await build();

    const { stdout } = await run(process.execPath, ['dist/functions/index.js'], { cwd: folder });

    expect(stdout).toBe('DeviceGone Shadow\n');
  });

  test.each([
    ['is missing', {}, 'functions/index.ts'],
    ['does not parse', { 'functions/index.ts': 'const = 1;' }, 'Expected identifier'],
    ['imports what is not there', { 'functions/index.ts': `import './gone.ts';` }, './gone.ts'],
  ])('fails when a source %s, and leaves the last build as it was', async (_, sources, message) => {
    await aProject({ 'functions/index.ts': 'export const built = true;' });
    await build();
    await rm(path.join(folder, 'functions'), { recursive: true });
    await mkdir(path.join(folder, 'functions'));
    for (const [file, text] of Object.entries(sources)) {
      await writeFile(path.join(folder, file), text);
    }

    await expect(build()).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining(message),
    });

    const bundle = await readFile(path.join(folder, 'dist/functions/index.js'), 'utf8');
    expect(bundle).toContain('built');
  });
});
