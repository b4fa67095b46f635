import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RowReport } from '../judge.js'

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
