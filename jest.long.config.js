import { availableParallelism } from 'node:os';
import quick from './jest.config.js';

/**
 * What takes too long for every save: fuzz, properties, load, other languages.
 * @type {import('jest').Config}
 */
export default {
  ...quick,
  testPathIgnorePatterns: ['/node_modules/'],
  testMatch: ['**/*.long.test.ts'],
  // These keep the processor busy, and measure memory.
  maxWorkers: availableParallelism(),
  testTimeout: 300_000,
};
