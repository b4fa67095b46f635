import { expect, test } from 'vitest'
import { parseOptions } from './options.js'

test.each([
  [[], { mode: 'run', seeds: 1_000, from: 1, zones: 3 }],
  [['--seeds', '5', '--from', '7', '--zones', '2'], { mode: 'run', seeds: 5, from: 7, zones: 2 }],
  [['--story', '42'], { mode: 'story', seed: 42, zones: 3 }],
  [['--planted'], { mode: 'planted' }],
  [['-h'], { mode: 'help' }],
] as const)('%j', (args, options) => {
  expect(parseOptions(args)).toEqual(options)
})

test('everything that is wrong is said at once', () => {
  expect(parseOptions(['--seeds', 'many', '--zones', '11', '--from', '0'])).toEqual({
    problems: [
      '--zones must be a whole number from 1 to 10, not "11"',
      `--seeds must be a whole number from 1 to ${Number.MAX_SAFE_INTEGER}, not "many"`,
      `--from must be a whole number from 1 to ${Number.MAX_SAFE_INTEGER}, not "0"`,
    ],
  })
  expect(parseOptions(['--sede', '1'])).toHaveProperty('problems')
})
