import { expect, test } from 'vitest'
import { parseOptions } from './options.js'

test.each([
  [['--workers', '3'], { mode: 'run', seeds: 1_000, from: 1, zones: undefined, workers: 3, keep: true, cuts: {} }],
  [
    ['--seeds', '5', '--from', '7', '--zones', '2', '--workers', '1', '--no-keep'],
    { mode: 'run', seeds: 5, from: 7, zones: 2, workers: 1, keep: false, cuts: {} },
  ],
  [['--story', '42'], { mode: 'story', seed: 42, zones: undefined, cuts: {} }],
  [
    ['--story', '42', '--cut', 'zones=2 storm=900 faults=none acts=1-3,8 without=liars'],
    {
      mode: 'story',
      seed: 42,
      zones: undefined,
      cuts: { zones: 2, stormMs: 900, faults: [], acts: [1, 2, 3, 8], without: ['liars'] },
    },
  ],
  [['--shrink', '42'], { mode: 'shrink', seed: 42, zones: undefined, cuts: {} }],
  [
    ['--shrink', '42', '--with', 'restores,days'],
    { mode: 'shrink', seed: 42, zones: undefined, cuts: { with: ['restores', 'days'] } },
  ],
  [['--planted'], { mode: 'planted' }],
  [['-h'], { mode: 'help' }],
] as const)('%j', (args, options) => {
  expect(parseOptions(args)).toEqual(options)
})

test('everything that is wrong is said at once', () => {
  expect(
    parseOptions(['--seeds', 'many', '--zones', '51', '--from', '0', '--cut', 'acts=x', '--with', 'luck']),
  ).toEqual({
    problems: [
      '--zones must be a whole number from 1 to 50, not "51"',
      `--seeds must be a whole number from 1 to ${Number.MAX_SAFE_INTEGER}, not "many"`,
      `--from must be a whole number from 1 to ${Number.MAX_SAFE_INTEGER}, not "0"`,
      '--cut: "acts=x" is no cut: "x" is not a whole number',
      expect.stringContaining('--with: "luck" is nothing that a seed may have or can do without: liars, tamper,'),
    ],
  })
  expect(parseOptions(['--sede', '1'])).toHaveProperty('problems')
})
