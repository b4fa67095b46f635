import 'vitest'

declare module 'vitest' {
  // biome-ignore lint/suspicious/noExplicitAny: name and default of the parameter are those of vitest
  interface Matchers<T = any> {
    /**
     * What was printed is what stands in that file under the package's `testdata`, which a person has found right.
     * HOLDFAST_GOLDEN=write writes it anew, to be looked at in the diff.
     */
    toBeGolden(name: string): void
  }
}
