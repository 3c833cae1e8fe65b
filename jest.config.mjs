const swc = (syntax) => ['@swc/jest', { jsc: { target: 'es2022', parser: { syntax } }, module: { type: 'commonjs' } }]
// ES modules, which jest does not load as they are.
const modules = '(openid-client|oauth4webapi|jose)'

const shared = {
  testEnvironment: 'node',
  transform: { '^.+\\.ts$': swc('typescript'), [`/node_modules/${modules}/.+\\.js$`]: swc('ecmascript') },
  transformIgnorePatterns: [`/node_modules/(?!${modules}/)`],
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
}

/**
 * `unit` needs nothing; `integration` starts Azurite and the local services, and runs the compiled app; `processes`
 * kills and stops it; `fuzz` is longer with FUZZ_DATASETS, FUZZ_ANSWERS and another FUZZ_SEED; `hapi` needs a JDK and
 * Maven, `orthanc` needs Orthanc and its DICOMweb plugin, and each fails without.
 */
export default {
  // A bound, not an expectation: on a loaded machine everything takes longer.
  testTimeout: 120_000,
  projects: [
    { ...shared, displayName: 'unit', testMatch: ['<rootDir>/test/unit/**/*.test.ts'] },
    { ...shared, displayName: 'contract', testMatch: ['<rootDir>/test/contract/**/*.test.ts'] },
    { ...shared, displayName: 'integration', testMatch: ['<rootDir>/test/integration/**/*.test.ts'] },
    { ...shared, displayName: 'simulation', testMatch: ['<rootDir>/test/simulation/**/*.test.ts'] },
    { ...shared, displayName: 'fuzz', testMatch: ['<rootDir>/test/fuzz/**/*.test.ts'] },
    { ...shared, displayName: 'processes', testMatch: ['<rootDir>/test/processes/**/*.test.ts'] },
    { ...shared, displayName: 'orthanc', testMatch: ['<rootDir>/test/orthanc/**/*.test.ts'] },
    {
      ...shared,
      displayName: 'hapi',
      testMatch: ['<rootDir>/test/hapi/**/*.test.ts'],
      globalSetup: '<rootDir>/test/hapi/start.ts',
      globalTeardown: '<rootDir>/test/hapi/stop.ts',
      setupFilesAfterEnv: ['<rootDir>/test/hapi/patience.ts'],
    },
  ],
}
