import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'

/** Of the package that a test is of. Every test has the matcher: this is a setup file of vitest, `types/golden.d.ts` its type. */
const goldenFile = (testPath: string, name: string): string =>
  join(testPath.replace(/^(.*[\\/]packages[\\/][^\\/]+)[\\/]src[\\/].*$/, '$1'), 'testdata', name)

expect.extend({
  toBeGolden(received: string, name: string) {
    const file = goldenFile(this.testPath ?? '', name)
    if (process.env.HOLDFAST_GOLDEN === 'write') writeFileSync(file, received)
    const expected = readFileSync(file, 'utf8')
    return {
      pass: received === expected,
      actual: received,
      expected,
      message: () =>
        `what was printed ${this.isNot ? 'is' : 'is not'} what stands in testdata/${name}: HOLDFAST_GOLDEN=write writes it anew`,
    }
  },
})
