import { randomBytes } from 'node:crypto'
import { keyBytes, keyPrint, type MasterKey, nonceBytes, seal, unseal } from '@holdfast/identity'
import { Problem, utf8 } from '@holdfast/model'
import type { Sql } from './sql.js'
import {
  type DataKeyRecord,
  insertDataKey,
  readDataKeys,
  rewrapDataKey,
  rowsToSeal,
  sealedCounts,
  sealedTypes,
  writeSealed,
} from './statements/data-keys.js'

/** Where a sealed value belongs: it opens nowhere else. */
export interface SealedPlace {
  readonly type: string
  readonly mesh: string
  readonly exportName: string
}

const placeBytes = ({ type, mesh, exportName }: SealedPlace): Uint8Array =>
  utf8(JSON.stringify([type, mesh, exportName]))
const wrapPlace = (id: number): Uint8Array => utf8(`holdfast data key ${id}`)

/** Every replica has read a new key by then, and the first may be used at once: there is nobody else yet. */
export const keyGraceMs = 60_000
const reloadEveryMs = 10_000

/**
 * Seals what is secret before it is written, and opens it when it was read. Envelope encryption: values are sealed with data
 * keys, which stand in the database wrapped by a master key that does not.
 */
export class Vault {
  readonly #masters: readonly MasterKey[]
  readonly #nowMs: () => number
  #keys = new Map<number, { readonly key: Uint8Array; readonly activeFromMs: number }>()
  #reload: (() => Promise<void>) | undefined
  #reloading: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined

  private constructor(masters: readonly MasterKey[], nowMs: () => number) {
    this.#masters = masters
    this.#nowMs = nowMs
  }

  /**
   * @param masters the first wraps; none: nothing is sealed, which a database with sealed secrets does not allow
   * @throws Problem `conflict` if the database has data keys that none of them opens
   */
  static async open(sql: Sql, masters: readonly MasterKey[], nowMs: () => number): Promise<Vault | undefined> {
    const records = await readDataKeys(sql)
    const [first] = masters
    if (first === undefined) {
      if (records.length === 0) return undefined
      throw new Problem(
        'conflict',
        `the secrets in this database are sealed, and the key ${records.at(-1)?.masterId ?? ''} that opens them was not given: start with --secrets-key-file, or with HOLDFAST_SECRETS_KEY`,
      )
    }
    const vault = new Vault(masters, nowMs)
    if (records.length === 0) await insertDataKey(sql, vault.#made(1, nowMs()), nowMs())
    await vault.#load(sql)
    for (const record of await readDataKeys(sql))
      if (record.masterId !== first.id) await rewrapDataKey(sql, record, vault.#wrapped(record))
    vault.#reload = () => vault.#load(sql)
    vault.#timer = setInterval(() => vault.#reloadSoon(), reloadEveryMs)
    vault.#timer.unref()
    return vault
  }

  get activeKeyId(): number {
    const nowMs = this.#nowMs()
    const active = [...this.#keys].filter(([, { activeFromMs }]) => activeFromMs <= nowMs).map(([id]) => id)
    return Math.max(...(active.length > 0 ? active : this.#keys.keys()))
  }

  isSealed(type: string): boolean {
    return sealedTypes.includes(type)
  }

  seal(plain: Uint8Array, place: SealedPlace): { readonly keyId: number; readonly sealed: Uint8Array } {
    const keyId = this.activeKeyId
    return { keyId, sealed: seal(this.#key(keyId), randomBytes(nonceBytes), plain, placeBytes(place)) }
  }

  /** @throws Problem `unavailable` for a key that is not known yet, `internal` for what does not open */
  open(keyId: number, sealed: Uint8Array, place: SealedPlace): Uint8Array {
    const key = this.#key(keyId)
    try {
      return unseal(key, sealed, placeBytes(place))
    } catch (error) {
      throw new Problem(
        'internal',
        `${place.type} ${place.exportName} does not open with data key ${keyId}: it was changed in the database, or comes from another one`,
        { cause: error },
      )
    }
  }

  /** A new data key, used from a minute on; then `reseal` brings everything under it. */
  async rotate(sql: Sql): Promise<number> {
    await this.#load(sql)
    const id = Math.max(...this.#keys.keys()) + 1
    await insertDataKey(sql, this.#made(id, this.#nowMs() + keyGraceMs), this.#nowMs())
    await this.#load(sql)
    return id
  }

  /** A bounded step of bringing secrets under the active key. @returns how many were moved */
  async reseal(sql: Sql, limit: number): Promise<number> {
    const rows = await rowsToSeal(sql, this.activeKeyId, limit)
    if (rows.length === 0) return 0
    return writeSealed(
      sql,
      rows.map(({ spec, ...row }) => ({
        ...row,
        ...this.seal(spec, { type: row.type, mesh: row.mesh, exportName: row.export_name }),
      })),
    )
  }

  counts = (sql: Sql): ReturnType<typeof sealedCounts> => sealedCounts(sql)

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#reloading
  }

  #key(keyId: number): Uint8Array {
    const found = this.#keys.get(keyId)
    if (found !== undefined) return found.key
    this.#reloadSoon()
    throw new Problem('unavailable', `data key ${keyId} is not known here yet; try again`)
  }

  #reloadSoon(): void {
    this.#reloading ??= this.#reload?.()
      .catch(() => {
        // The next look may find it.
      })
      .finally(() => {
        this.#reloading = undefined
      })
  }

  async #load(sql: Sql): Promise<void> {
    const records = await readDataKeys(sql)
    this.#keys = new Map(
      records.map((record) => [record.id, { key: this.#unwrapped(record), activeFromMs: record.activeFromMs }]),
    )
  }

  #made(id: number, activeFromMs: number): DataKeyRecord {
    const [first] = this.#masters
    if (first === undefined) throw new Error('there is no master key')
    const wrapped = seal(first.key, randomBytes(nonceBytes), randomBytes(keyBytes), wrapPlace(id))
    return { id, masterId: first.id, wrapped, activeFromMs }
  }

  #unwrapped({ id, masterId, wrapped }: DataKeyRecord): Uint8Array {
    // One that is known needs no master key: it may have been replaced while this process runs.
    const known = this.#keys.get(id)
    if (known !== undefined) return known.key
    const master = this.#masters.find((one) => one.id === masterId)
    const have = this.#masters.map(keyPrint).join(', ')
    if (master === undefined)
      throw new Problem(
        'conflict',
        `the secrets in this database are sealed with the key ${masterId}, and only ${have} was given: put it into --secrets-key-file as well`,
      )
    try {
      return unseal(master.key, wrapped, wrapPlace(id))
    } catch (error) {
      throw new Problem(
        'conflict',
        `the key ${keyPrint(master)} is another one than that of the same name which the secrets in this database are sealed with`,
        { cause: error },
      )
    }
  }

  #wrapped(record: DataKeyRecord): DataKeyRecord {
    const [first] = this.#masters
    if (first === undefined) throw new Error('there is no master key')
    const wrapped = seal(first.key, randomBytes(nonceBytes), this.#unwrapped(record), wrapPlace(record.id))
    return { ...record, masterId: first.id, wrapped }
  }
}
