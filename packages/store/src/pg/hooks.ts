import { judgedUnit, sweptUnit, workOf } from '../plan/judged.js'
import type { PlanOptions } from '../plan/local.js'
import type { HookStore } from '../port.js'
import type { Database, Sql } from './sql.js'
import {
  claimForms,
  countForms,
  hookHealth,
  makeFormsDue,
  noteHealth,
  openForms,
  orphanForms,
  readSweep,
  type Sweep,
  sweepPage,
  writeSweep,
} from './statements/forms.js'
import type { Done, Work } from './work.js'

export interface HookParts {
  readonly database: Database
  readonly options: () => PlanOptions
  readonly onWaiting: (listener: () => void) => () => void
  readonly submit: <T>(work: Work<T>) => Promise<Done<T>>
}

const beginning = { typeOrder: -1, mesh: '', name: '' }

/** The hooks' work on PostgreSQL: what is published goes through the writer like any other change. */
export const pgHooks = ({ database, options, submit, onWaiting }: HookParts): HookStore => ({
  claim: async (claim) => (await claimForms(database, claim, options().nowMs)).map(workOf),
  settle: async (verdicts) =>
    verdicts.length === 0 ? [] : (await submit({ unit: judgedUnit(verdicts, options()), size: verdicts.length })).value,
  noteHealth: (health) =>
    database.transaction('write', async (sql) => {
      const isNews = await noteHealth(sql, health)
      if (isNews && health.answers) await makeFormsDue(sql, health.hook, options().nowMs)
      return isNews
    }),
  health: () => hookHealth(database),
  counts: () => countForms(database),
  onWaiting,
  open: (limit) => openForms(database, limit),
  adopt: async (cover, limit) => {
    const sweep = await readSweep(database)
    if (sweep === undefined) return undefined
    if (sweep.fingerprint !== cover.fingerprint) return 0
    const keys = await orphanForms(database, cover.names, limit)
    if (keys.length === 0) return 0
    return (await submit({ unit: sweptUnit(keys, { ...options(), hooks: cover }), size: keys.length })).value
  },
  sweep: async (cover, types, limit) => {
    const before = await readSweep(database)
    if (before === undefined && types.length === 0) return { more: false, marked: 0 }
    const isCurrent = before?.fingerprint === cover.fingerprint
    if (isCurrent && before.done) return { more: false, marked: 0 }
    const from = isCurrent ? before : beginning
    const page = await sweepPage(database, from, types, limit)
    const last = page.at(-1)
    const next: Sweep = {
      fingerprint: cover.fingerprint,
      ...(last === undefined ? beginning : { typeOrder: last.typeOrder, mesh: last.mesh, name: last.name }),
      done: page.length < limit,
    }
    const unit = sweptUnit(page, { ...options(), hooks: cover }, !isCurrent)
    const also = (sql: Sql): Promise<void> => writeSweep(sql, next)
    const { value: marked } = await submit({ unit, size: page.length + 1, also })
    return { more: !next.done, marked }
  },
})
