import { availableParallelism } from 'node:os';

/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  // '@downlink/simulator' by name resolves to its TypeScript sources, so tests need no build of it.
  testEnvironmentOptions: { exportConditions: ['source', 'node', 'import', 'default'] },
  roots: ['<rootDir>/test'],
  testPathIgnorePatterns: ['/node_modules/', '\\.long\\.test\\.ts$'],
  globalSetup: '<rootDir>/test/support/global-setup.js',
  // Half of the time is spent waiting: for child processes, sockets and storage.
  maxWorkers: 2 * availableParallelism(),
  testTimeout: 20_000,
  reporters: ['default', '<rootDir>/test/support/summary-reporter.js'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2023', parser: { syntax: 'typescript' } }, module: { type: 'es6' } },
    ],
  },
};
