import type { BuildOptions } from 'esbuild';

/** How the deployed bundle is made. */
export const functionsBuild: BuildOptions;
export function build(): Promise<void>;
