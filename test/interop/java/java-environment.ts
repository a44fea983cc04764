import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { cacheFolder, inEnvironment } from '../cache-folder.ts';
import type { ProgramCommand } from '../program.ts';

const SOURCES = readdirSync(import.meta.dirname)
  .filter((name) => /\.(java|xml)$/.test(name))
  .map((name) => path.join(import.meta.dirname, name));

const hash = createHash('sha256');
for (const source of SOURCES) hash.update(readFileSync(source));
const folder = cacheFolder(`java-${hash.digest('hex').slice(0, 12)}`);
const classPathFile = path.join(folder, 'class-path');

export function javaProgram(mainClass: string, transport: string): ProgramCommand {
  const libraries = existsSync(classPathFile) ? readFileSync(classPathFile, 'utf8').trim() : '';
  const classPath = [path.join(folder, 'classes'), libraries].join(path.delimiter);
  // A short life: compiling thoroughly would cost more than it gains.
  return {
    file: 'java',
    arguments: ['-XX:TieredStopAtLevel=1', '-cp', classPath, mainClass, transport],
  };
}

/** The programs compiled, and the SDKs fetched; says what is missing, if that cannot be. */
export function prepareJava(): Promise<string | undefined> {
  return inEnvironment(folder, [
    [
      'mvn',
      '--batch-mode',
      '--file',
      path.join(import.meta.dirname, 'pom.xml'),
      `-Doutput=${folder}`,
      'compile',
      'dependency:build-classpath',
      `-Dmdep.outputFile=${classPathFile}`,
    ],
  ]);
}
