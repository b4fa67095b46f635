import type { PlanOptions } from '../plan/local.js'
import { type RecoveryItem, recoverUnit, recoveryPlanUnit } from '../plan/recover.js'
import { type Remembered, rememberUnit } from '../plan/remember.js'
import { type RememberedRow, rememberedOf, type Testimony } from '../plan/testimony.js'
import type { RoleIdentity } from '../plan/types.js'
import type { Unit } from '../plan/unit.js'
import type { RecoveryStore } from '../recovery-port.js'
import type { Database } from './sql.js'
import { readEpochs } from './statements/head.js'
import { foreignPage } from './statements/recovery.js'

export interface RecoveryParts {
  readonly database: Database
  readonly identity: RoleIdentity
  readonly options: () => PlanOptions
  readonly run: <T>(unit: Unit<T>) => Promise<T>
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
    return { items: rows.flatMap((row) => rememberedOf(row, identity.name) ?? []), next }
  }

  remember(testimony: Testimony): Promise<Remembered> {
    return this.#parts.run(rememberUnit(testimony, this.#parts.options()))
  }

  async recover(request: Parameters<RecoveryStore['recover']>[0]): Promise<readonly RecoveryItem[]> {
    const { database, options, run } = this.#parts
    const asked = { ...request, epochs: await readEpochs(database) }
    return run(request.apply ? recoverUnit(asked, options()) : recoveryPlanUnit(asked))
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
