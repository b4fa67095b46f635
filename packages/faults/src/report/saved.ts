import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RowReport } from '../judge.js'
import type { StormReport } from '../storm/storm.js'

/** A report that a run has made, and when. */
export interface Saved extends RowReport {
  readonly atMs: number
}

/** One file a row: a later run of it replaces an earlier one. */
export function save(folder: string, report: RowReport, atMs: number): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, `${report.id}.json`), `${JSON.stringify({ ...report, atMs })}\n`)
}

/** What the last run of each row has come to, in the order of the matrix. */
export const saved = (folder: string): readonly Saved[] =>
  readdirSync(folder)
    .filter((name) => /^F\d\d\.json$/.test(name))
    .sort()
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Saved)

const stormFile = 'storm.json'

/** The last storm replaces the one before. */
export function saveStorm(folder: string, report: StormReport): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, stormFile), `${JSON.stringify(report)}\n`)
}

/** Undefined: there was none. */
export const savedStorm = (folder: string): StormReport | undefined =>
  existsSync(join(folder, stormFile))
    ? (JSON.parse(readFileSync(join(folder, stormFile), 'utf8')) as StormReport)
    : undefined
