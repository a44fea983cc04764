import { existsSync } from 'node:fs';
import path from 'node:path';

/** The simulator's folder, wherever the bundler put this code inside it. */
export const packageRoot = nearestWith('package.json', import.meta.dirname);

/** The Functions app that this is the simulator of. */
export const appRoot = path.dirname(packageRoot);

export function builtEntryPoint(name: 'host' | 'storage'): string {
  return path.join(packageRoot, 'dist', name, 'main.js');
}

function nearestWith(file: string, folder: string): string {
  if (existsSync(path.join(folder, file))) return folder;
  const parent = path.dirname(folder);
  if (parent === folder) throw new Error(`There is no ${file} above ${import.meta.dirname}`);
  return nearestWith(file, parent);
}
