import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { allTypes } from '@holdfast/model'
import { expect, test } from 'vitest'
import { goldenRooms, roomsWithoutGoldens, type Unsaid } from './golden-rooms.js'
import { computed, escaped, notPrinted, type SourceText, sourceTables, sourceTexts } from './source-texts.js'

// The golden files are what a person has read. Whoever adds an error or a table and no golden of it is told here.
const packages = fileURLToPath(new URL('../../', import.meta.url))
const golden = (name: string): string => readFileSync(`${packages}${name}`, 'utf8')

/** Texts in what is recorded; of a pair of them `PATH: TEXT`, as a finding is printed. */
const recorded = (value: unknown): readonly string[] =>
  typeof value === 'string'
    ? [value]
    : Array.isArray(value) && value.length === 2 && value.every((each) => typeof each === 'string')
      ? [value.join(': ')]
      : Object.values(value ?? {}).flatMap(recorded)

/** A golden file, or all those of a folder. */
const textFiles = (name: string): readonly string[] =>
  name.endsWith('.txt')
    ? [golden(name)]
    : readdirSync(`${packages}${name}`)
        .filter((each) => each.endsWith('.txt'))
        .map((each) => golden(`${name}/${each}`))

/** What was said, and of which type of resource, where that is told. */
interface Printed {
  readonly text: string
  readonly of?: string | undefined
}

/** Cases are told apart by empty lines, and begin with `# MeshTimeout {…}` or `# what it is: a MeshTimeout`. */
const typeOfCase = (block: string): string | undefined =>
  /^# (?:.*: an? )?([A-Z]\w*)(?: \{.*)?$/m.exec(block.split('\n', 1)[0] ?? '')?.[1]

function printedIn(name: string, by: 'line' | 'block'): readonly Printed[] {
  if (name.endsWith('.ndjson'))
    return golden(name)
      .trim()
      .split('\n')
      .flatMap((line) => {
        const { type, kuma, holdfast = kuma } = JSON.parse(line) as Readonly<Record<string, unknown>>
        return recorded(holdfast).map((text) => ({ text, of: String(type) }))
      })
  return textFiles(name).flatMap((text) =>
    text
      .split('\n\n')
      .flatMap((block) =>
        (by === 'line' ? block.split('\n') : [block]).map((each) => ({ text: each, of: typeOfCase(block) })),
      ),
  )
}

/** `kinds/mesh-http-route.ts` speaks of MeshHTTPRoute alone: what is said of another type is none of its texts. */
function notSaid(texts: readonly SourceText[], printed: readonly Printed[], kinds: string | undefined) {
  const types = new Map(allTypes.map(({ name }) => [name.toLowerCase(), name]))
  const typeOfFile = ({ at }: SourceText): string | undefined =>
    kinds !== undefined && at.startsWith(kinds)
      ? types.get(
          file(at)
            .slice(kinds.length)
            .replaceAll(/-|\.ts$/g, ''),
        )
      : undefined
  const groups = new Map<string | undefined, SourceText[]>()
  for (const text of texts) groups.set(typeOfFile(text), [...(groups.get(typeOfFile(text)) ?? []), text])
  return [...groups].flatMap(([type, group]) =>
    notPrinted(
      group,
      printed.filter(({ of }) => type === undefined || of === type).map(({ text }) => text),
    ),
  )
}

/** The file alone. */
const file = (at: string): string => at.replace(/:.*$/s, '')

/** Of what `notPrinted` names: the place, and the pattern. */
const placeOf = (missing: string): string => missing.replace(/ .*$/s, '')
const patternOf = (missing: string): string => missing.replace(/^\S* /, '')
const distinct = (missing: readonly string[], part: (text: string) => string): readonly string[] => [
  ...new Set(missing.map(part)),
]

const printed = textFiles('ctl/testdata')

/** What hands on the words of somebody else: they are told where they are made. */
const handedOn =
  (...files: readonly string[]) =>
  (missing: readonly string[]): readonly string[] =>
    missing.map(file).filter((each) => !files.includes(each))

test.each(goldenRooms)('every error of $room stands in its golden file', ({ room, places, textsMin, ...of }) => {
  const texts = sourceTexts(`${packages}${room}/src`, places)
  expect(texts.length).toBeGreaterThan(textsMin)
  const printed = of.goldens.flatMap((name) => printedIn(name, of.by))
  const missing = notSaid(texts, printed, of.kinds)
  const isOf = (text: string, { file: name, words }: Unsaid): boolean =>
    (name === undefined || file(text) === name) &&
    text.includes(escaped(words)) &&
    (words === computed) === text.endsWith(computed)
  expect(missing.filter((text) => !of.unsaid.some((unsaid) => isOf(text, unsaid)))).toEqual([])
  for (const unsaid of of.unsaid) {
    const excused = missing.filter((text) => isOf(text, unsaid))
    // Whoever makes one of these speak, or takes it away, takes its line away as well.
    expect({ unsaid, excused }).not.toEqual({ unsaid, excused: [] })
    if (unsaid.words === computed) continue
    expect({ unsaid, places: distinct(excused, placeOf), texts: distinct(excused, patternOf) }).toSatisfy(
      ({ places, texts }) => places.length === 1 || texts.length === 1,
    )
    const { test: name } = unsaid
    if (name === undefined) continue
    // Where it is written as a regular expression, what is escaped there is meant as it stands.
    const asserted = readFileSync(`${packages}${name}`, 'utf8').replaceAll('\\', '').split('\n')
    expect(
      notPrinted(
        excused.map((text) => ({ at: placeOf(text), patterns: [patternOf(text)] })),
        asserted,
      ),
    ).toEqual([])
  }
})

test('every package has a golden file of its errors, or says why not', () => {
  const named = [...goldenRooms.map(({ room }) => room), ...Object.keys(roomsWithoutGoldens)]
  const all = readdirSync(packages).filter((each) => existsSync(`${packages}${each}/src`))
  expect([...new Set(named)].sort()).toEqual(all.sort())
})

test('every table that holdfastctl prints stands in a golden file', () => {
  const tables = sourceTables(`${packages}ctl/src`, 'tableText')
  expect(tables.length).toBeGreaterThan(35)
  // Columns of these are lists of their own, of which some are left out: each of them is looked for below.
  const missing = handedOn('output/items.ts', 'commands/inspect-dataplanes.ts')(notPrinted(tables, printed))
  expect(missing).toEqual([])
})

test('every column of every table stands in a golden file', () => {
  const columns = [
    ...sourceTexts(`${packages}ctl/src`, { calls: { wide: 0, ofDataplane: 0 }, properties: { header: '' } }),
    ...sourceTexts(`${packages}model/src/kinds`, { calls: { column: 0, wideColumn: 0 } }),
  ]
  expect(columns.length).toBeGreaterThan(35)
  const headers = columns.map(({ at, patterns }) => ({
    at,
    patterns: patterns.map((header) => `(?:^|   )${header}(?:   |$)`),
  }))
  expect(handedOn('output/items.ts', 'commands/inspect-dataplanes.ts')(notPrinted(headers, printed))).toEqual([])
})
