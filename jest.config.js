import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';

// Processes that tests start load what others have compiled; Jest's own workers do too.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('node_modules/.cache/selfie-oidc-tests', import.meta.url));

export default {
  runtime: '<rootDir>/test/support/jest-runtime.cjs',
  testEnvironment: '<rootDir>/test/support/jest-environment.cjs',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {},
  // at a load of twelve on two cores the slowest took more than twenty seconds
  testTimeout: 40_000,
  // a third of the time a test waits for a browser, a process or a server
  maxWorkers: availableParallelism() + 1,
};
