export default {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/test/support/strip-types.cjs' },
  testTimeout: 20_000,
  // much of a test is waiting for a browser, a process or a server: one worker for each core, and none kept back
  maxWorkers: '100%',
};
