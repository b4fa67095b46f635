import { defineConfig } from 'vitest/config'

// Sources are run without building: the custom condition points every workspace package at its src.
// Only these two conditions: adding `import` breaks pg's CommonJS entry.
const needsDatabase = [
  'packages/*/src/**/*.pg.test.ts',
  'packages/*/src/**/*.e2e.test.ts',
  'packages/*/src/**/*.kumactl.test.ts',
  // A real kuma-cp beside ours: skipped, and saying so, unless HOLDFAST_KUMA_CP names its binary.
  'packages/*/src/**/*.kuma.test.ts',
]

export default defineConfig({
  ssr: { resolve: { conditions: ['@holdfast/source', 'node'] } },
  resolve: { conditions: ['@holdfast/source', 'node'] },
  test: {
    setupFiles: ['packages/testkit/src/golden-matcher.ts'],
    projects: [
      {
        extends: true,
        test: { name: 'pure', include: ['packages/*/src/**/*.test.ts'], exclude: needsDatabase },
      },
      {
        extends: true,
        // One server for the run, started only if one of these files is run; a database of its own for each that asks.
        test: {
          name: 'database',
          include: needsDatabase,
          globalSetup: ['packages/testkit/src/global-setup.ts'],
          // Only ends what hangs: a test of processes waits for each thing with a limit of its own, and says what did not come.
          testTimeout: 120_000,
        },
      },
    ],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    retry: 0,
    pool: 'forks',
    // Loading a control plane's modules anew for each file was a sixth of the run. A file leaves nothing behind that another
    // could meet: what it starts it closes, and what it changes of the process it puts back.
    isolate: false,
    // More than the two cores that there may be: tests of processes wait for heartbeats and for each other a fifth of their time.
    maxWorkers: 3,
  },
})
