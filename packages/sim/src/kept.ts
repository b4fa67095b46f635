import { appendFileSync, readFileSync } from 'node:fs'
import { type Cuts, cutsFrom } from './cuts.js'

/** Seeds that have failed once; every run of the tests runs them again. */
export const keptFile = new URL('../seeds.txt', import.meta.url)

export interface KeptSeed {
  readonly seed: number
  readonly cuts: Cuts
}

/** `#` begins a remark. */
export const keptSeeds = (text: string): readonly KeptSeed[] =>
  text.split('\n').flatMap((line) => {
    const [seed = '', ...cuts] = (line.split('#')[0] ?? '').trim().split(/\s+/)
    return /^\d+$/.test(seed) ? [{ seed: Number(seed), cuts: cutsFrom(cuts.join(' ')) }] : []
  })

export const readKept = (): readonly KeptSeed[] => keptSeeds(readFileSync(keptFile, 'utf8'))

/** Adds a line, unless it is there. */
export function keep(line: string, file: URL = keptFile): boolean {
  if (readFileSync(file, 'utf8').split('\n').includes(line)) return false
  appendFileSync(file, `${line}\n`)
  return true
}
