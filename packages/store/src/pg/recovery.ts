import { allTypes } from '@holdfast/model'
import type { PlanOptions } from '../plan/local.js'
import {
  type RebuildPlan,
  type ReleaseOutcome,
  rebuildChunkMax,
  rebuildPlan,
  rebuildUnit,
  releaseUnit,
} from '../plan/rebuild.js'
import { type RecoveryItem, recoverUnit, recoveryPlanUnit } from '../plan/recover.js'
import { type Remembered, rememberUnit } from '../plan/remember.js'
import { type RememberedRow, remembering, type Testimony } from '../plan/testimony.js'
import type { Owner, RoleIdentity } from '../plan/types.js'
import type { Unit } from '../plan/unit.js'
import { servingUnit } from '../plan/upkeep.js'
import type { RecoveryStore, WitnessRow } from '../recovery-port.js'
import type { Database } from './sql.js'
import { endOfEpoch, readEpochs, tagsAt } from './statements/head.js'
import { approvedHolds } from './statements/holds.js'
import { foreignPage, lastEvents, missingZones, wholeLedger } from './statements/recovery.js'
import { ackedLogsOf, wasFollowed } from './statements/sync-read.js'
import { serviceRows } from './statements/vip-read.js'
import { readWitnesses, writeWitnesses } from './statements/witnesses.js'

const vipKinds = allTypes.filter((type) => type.vipKind).map((type) => type.name)

export interface RecoveryParts {
  readonly database: Database
  readonly identity: RoleIdentity
  readonly options: () => PlanOptions
  readonly run: <T>(unit: Unit<T>) => Promise<T>
  /** The same although the database is known to lack something: this puts it back. */
  readonly mend: <T>(unit: Unit<T>) => Promise<T>
}

/** What a store on PostgreSQL remembers of others, and takes over from those who remember it. */
export class PgRecovery implements RecoveryStore {
  readonly #parts: RecoveryParts
  readonly #listeners = new Set<(zone: string) => void>()

  constructor(parts: RecoveryParts) {
    this.#parts = parts
  }

  async remembered(
    after: string | undefined,
    limit: number,
  ): Promise<{ readonly items: readonly RememberedRow[]; readonly next?: string | undefined }> {
    const { database, identity } = this.#parts
    const { rows, next } = await foreignPage(database, { own: identity.name, after, limit })
    const remember = remembering(identity.name, await approvedHolds(database))
    return { items: rows.flatMap((row) => remember(row) ?? []), next }
  }

  async remember(testimony: Testimony): Promise<Remembered> {
    const { database, options, run } = this.#parts
    const past = { epochs: await readEpochs(database), wasFollowed: await wasFollowed(database) }
    return run(rememberUnit(testimony, options(), past))
  }

  async recover(request: Parameters<RecoveryStore['recover']>[0]): Promise<readonly RecoveryItem[]> {
    const { database, options, run } = this.#parts
    const asked = { ...request, history: await historyFor(database, request.testimonies) }
    return run(request.apply ? recoverUnit(asked, options()) : recoveryPlanUnit(asked))
  }

  async rebuild({ apply, actor }: Parameters<RecoveryStore['rebuild']>[0]): Promise<RebuildPlan> {
    const { database, options, run, mend } = this.#parts
    const facts = await database.transaction('read', async (sql) => ({
      services: await serviceRows(sql, vipKinds),
      ledger: await wholeLedger(sql),
      history: await lastEvents(sql),
    }))
    const plan = rebuildPlan(facts)
    if (!apply) return plan
    for (let from = 0; from < plan.restore.length; from += rebuildChunkMax)
      await mend(rebuildUnit(plan.restore.slice(from, from + rebuildChunkMax), facts.services, { ...options(), actor }))
    // Hash only for those that nobody remembers.
    await run(servingUnit(options()))
    return plan
  }

  noteWitnesses(rows: readonly WitnessRow[]): Promise<void> {
    return writeWitnesses(this.#parts.database, rows)
  }

  witnesses(withinMs: number): Promise<readonly WitnessRow[]> {
    return readWitnesses(this.#parts.database, withinMs)
  }

  missingZones(): Promise<readonly string[]> {
    return missingZones(this.#parts.database)
  }

  release(owner: Owner, actor: string): Promise<ReleaseOutcome> {
    const { options, run } = this.#parts
    return run(releaseUnit(owner, { ...options(), actor }))
  }

  onStranger(listener: (zone: string) => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  met(zone: string): void {
    for (const listener of this.#listeners) listener(zone)
  }
}

/** What our history says of the positions of these witnesses. */
async function historyFor(
  database: Database,
  testimonies: readonly Testimony[],
): Promise<Parameters<typeof recoverUnit>[0]['history']> {
  const cursors = testimonies.flatMap(({ witness }) => witness.cursor ?? [])
  const zones = [...new Set(testimonies.map(({ witness }) => witness.zone))]
  return database.transaction('read', async (sql) => {
    const ends = new Map<string, number | undefined>()
    for (const { epoch } of cursors) if (!ends.has(epoch)) ends.set(epoch, await endOfEpoch(sql, epoch))
    const tags = await tagsAt(
      sql,
      cursors.map(({ revision }) => revision),
    )
    const acked = await ackedLogsOf(sql, zones)
    return {
      epochs: await readEpochs(sql),
      ackedLog: (zone) => acked.get(zone),
      endOf: (epoch) => ends.get(epoch),
      tagAt: (epoch, revision) => tags.find((row) => row.epoch === epoch && row.revision === revision)?.tag,
    }
  })
}
