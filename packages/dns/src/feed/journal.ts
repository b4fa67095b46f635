import { hash } from 'node:crypto'
import { type Change, type StoredGenerator, subjectOf } from './picture.js'

/**
 * The last good answers of a zone as lines of text: `<16 hex digits> <JSON>`, the digits being the beginning of the line's
 * SHA-256. A `head` comes first and says whose they are; a `mark` ends each group, and what follows the last mark, or the
 * first line that does not add up, was never said: a file that was torn by a crash tells what it told before.
 */
export const journalFormat = 1

type Line =
  | { readonly is: 'head'; readonly format: number; readonly zone: string }
  | { readonly is: 'mark'; readonly epoch: string; readonly revision: number }
  | { readonly is: 'change'; readonly change: JsonChange }

type JsonChange =
  | Exclude<Change, { change: 'generator' }>
  | { readonly change: 'generator'; readonly generator: Omit<StoredGenerator, 'spec'> & { readonly spec: string } }

const sumOf = (text: string): string => hash('sha256', text).slice(0, 16)

function lineOf(line: Line): string {
  const text = JSON.stringify(line)
  return `${sumOf(text)} ${text}\n`
}

export const headLine = (zone: string): string => lineOf({ is: 'head', format: journalFormat, zone })

export const markLine = (epoch: string, revision: number): string => lineOf({ is: 'mark', epoch, revision })

export const changeLine = (change: Change): string => lineOf({ is: 'change', change: jsonOf(change) })

function jsonOf(change: Change): JsonChange {
  if (change.change !== 'generator') return change
  const { spec, ...rest } = change.generator
  return { change: 'generator', generator: { ...rest, spec: Buffer.from(spec).toString('base64') } }
}

export type Recalled =
  | {
      readonly outcome: 'recalled'
      readonly changes: readonly Change[]
      readonly epoch: string
      readonly revision: number
      /** Lines that were left out: torn, damaged, or behind the last mark. */
      readonly left: number
    }
  | { readonly outcome: 'useless'; readonly reason: string }

/** Reads what a file holds. Never throws; what it returns has been checked line by line. */
export function recall(text: string, zone: string): Recalled {
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  const [first, ...rest] = lines
  const head = first === undefined ? undefined : readLine(first)
  if (head?.is !== 'head')
    return { outcome: 'useless', reason: 'it does not begin as a file of last good answers does' }
  if (head.format !== journalFormat)
    return { outcome: 'useless', reason: `its format is ${head.format}, and this program reads ${journalFormat}` }
  if (head.zone !== zone) return { outcome: 'useless', reason: `it is of zone "${head.zone}", and this is "${zone}"` }
  const changes: Change[] = []
  let marked = 0
  let kept = 0
  let mark: Extract<Line, { is: 'mark' }> | undefined
  for (const [index, text] of rest.entries()) {
    const line = readLine(text)
    if (line === undefined || line.is === 'head') break
    if (line.is === 'mark') {
      mark = line
      marked = changes.length
      kept = index + 1
    } else {
      const change = changeFrom(line.change)
      if (change === undefined) break
      changes.push(change)
    }
  }
  if (mark === undefined) return { outcome: 'useless', reason: 'nothing in it is complete' }
  const { epoch, revision } = mark
  return {
    outcome: 'recalled',
    changes: lastOfEach(changes.slice(0, marked)),
    epoch,
    revision,
    left: rest.length - kept,
  }
}

function readLine(text: string): Line | undefined {
  const space = text.indexOf(' ')
  const json = text.slice(space + 1)
  if (space !== 16 || sumOf(json) !== text.slice(0, space)) return undefined
  try {
    return JSON.parse(json) as Line
  } catch {
    return undefined
  }
}

/** The sum has vouched for the text; the shape is what a program of this format wrote. */
function changeFrom(json: JsonChange): Change | undefined {
  if (json.change !== 'generator') return json
  const { spec, ...rest } = json.generator
  return { change: 'generator', generator: { ...rest, spec: Buffer.from(spec, 'base64') } }
}

/** Only the last word on each thing counts. */
function lastOfEach(changes: readonly Change[]): readonly Change[] {
  const last = new Map<string, Change>()
  for (const change of changes) {
    const key = subjectOf(change)
    last.delete(key)
    last.set(key, change)
  }
  return [...last.values()]
}
