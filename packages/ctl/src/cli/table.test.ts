import { describe, expect, test, vi } from 'vitest'
import { programOf } from '../program.js'
import { positionals } from './globals.js'
import { entryOf, groups, table } from './table.js'

// The first that is loaded brings all that commands share with it.
vi.setConfig({ testTimeout: 180_000 })

test('no two commands have the same words, and every group says what it is', () => {
  const words = table.map((entry) => entry.words)
  expect(new Set(words).size).toBe(words.length)
  const parents = words.flatMap((each) =>
    each
      .split(' ')
      .slice(0, -1)
      .map((_, at, all) => all.slice(0, at + 1).join(' ')),
  )
  expect([...new Set(parents)].sort()).toEqual(Object.keys(groups).sort())
})

describe.each(table.map((entry) => [entry.words, entry] as const))('%s', (words, entry) => {
  test('its examples are what it takes', async () => {
    const file = await entry.load()
    if (entry.hidden !== true) expect(file.examples.length).toBeGreaterThan(0)
    for (const [line, what] of file.examples) {
      expect(what).not.toBe('')
      let ran = 0
      const args = split(line.replace(/^.* [|] holdfastctl /, ''))
      // A command for each policy, as kumactl has them, is one of ours.
      if (words === 'inspect policy' && args[1] !== 'policy') args.splice(1, 0, 'policy')
      expect(entryOf(positionals(args))?.words, line).toBe(words)
      const said = { out: '', err: '' }
      const io = {
        out: { write: (text: string) => (said.out += text) },
        err: { write: (text: string) => (said.err += text) },
      }
      const run = async (): Promise<number> => {
        ran++
        return 0
      }
      const options = { version: '', env: {}, home: '', connect: async () => fetch }
      await programOf(io, options, entry, { ...file, run }, async (each) => void (await each())).parseAsync(args, {
        from: 'user',
      })
      expect([ran, said], line).toEqual([1, { out: '', err: '' }])
    }
  })
})

/** As a shell splits it: single quotes keep blanks; what follows a pipe or a redirection is another's. */
const split = (line: string): string[] =>
  [...line.replace(/ [|>] .*$/, '').matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? '')
