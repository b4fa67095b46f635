import { defineConfig } from 'vitest/config'

// Sources are run without building: the custom condition points every workspace package at its src.
// Only these two conditions: adding `import` breaks pg's CommonJS entry.
export default defineConfig({
  ssr: { resolve: { conditions: ['@holdfast/source', 'node'] } },
  resolve: { conditions: ['@holdfast/source', 'node'] },
  test: {
    include: ['packages/*/src/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    retry: 0,
    pool: 'forks',
    maxWorkers: 2,
  },
})
