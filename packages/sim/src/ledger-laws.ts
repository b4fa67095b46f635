import { findType, wantsVip } from '@holdfast/model'
import type { Image, LedgerRow, Owner, Row } from '@holdfast/store'
import { holds } from './broken.js'

const ownerText = ({ kind, mesh, origin, namespace, displayName }: Owner): string =>
  `${kind} ${mesh}/${displayName}${namespace === '' ? '' : `.${namespace}`} of ${origin === '' ? 'global' : origin}`

export const ownerOfRow = ({ type, mesh, origin, namespace, displayName }: Row): Owner => ({
  kind: type,
  mesh,
  origin,
  namespace,
  displayName,
})

const dayMs = 24 * 3_600_000

/** What is known of all addresses in the whole world: who had one first, and who has had each, until when. */
export class AddressBook {
  readonly #first = new Map<string, { readonly address: string; readonly generation: number }>()
  readonly #holder = new Map<string, { readonly owner: string; activeMs: number }>()

  /** VIP-1, VIP-2, VIP-3 across all control planes, and VIP-1 and VIP-5 within this one, at this very revision. */
  check(where: string, image: Image, nowMs: number): void {
    const addresses = new Map<string, LedgerRow>()
    const active = new Map<string, LedgerRow[]>()
    for (const row of image.ledger.values()) {
      const at = `${row.scope} ${row.address}`
      const other = addresses.get(at)
      holds(other === undefined, 'VIP-1', () => `${where}: ${row.address} is ${ownerText(row)}'s and ${text(other)}'s`)
      addresses.set(at, row)
      if (row.scope !== 'canonical') continue
      this.#checkFirst(where, row)
      if (row.state !== 'active') continue
      this.#checkHolder(where, row, nowMs)
      const rows = active.get(ownerText(row))
      if (rows === undefined) active.set(ownerText(row), [row])
      else rows.push(row)
    }
    this.#checkServices(where, image, active)
  }

  #checkFirst(where: string, row: LedgerRow): void {
    const key = `${row.family} ${ownerText(row)}`
    const first = this.#first.get(key)
    if (first === undefined) this.#first.set(key, row)
    else
      holds(
        first.address === row.address,
        'VIP-2',
        () => `${where}: ${ownerText(row)} had ${first.address} and has ${row.address}, and nobody asked for it`,
      )
  }

  #checkHolder(where: string, row: LedgerRow, nowMs: number): void {
    const owner = ownerText(row)
    const holder = this.#holder.get(row.address)
    if (holder === undefined || holder.owner === owner) {
      this.#holder.set(row.address, { owner, activeMs: nowMs })
      return
    }
    holds(
      nowMs - holder.activeMs > dayMs,
      'VIP-3',
      () =>
        `${where}: ${row.address} is ${owner}'s, ${(nowMs - holder.activeMs) / 1000} s after it was ${holder.owner}'s`,
    )
    this.#holder.set(row.address, { owner, activeMs: nowMs })
  }

  #checkServices(where: string, image: Image, active: Map<string, LedgerRow[]>): void {
    for (const row of image.rows.values()) {
      const type = findType(row.type)
      if (row.deleted || type?.vipKind !== true) continue
      const owner = ownerText(ownerOfRow(row))
      const booked = (active.get(owner) ?? []).map((one) => one.address).sort()
      const served = [...(row.vips?.addresses ?? [])].sort()
      active.delete(owner)
      holds(
        booked.join() === served.join(),
        'VIP-5',
        () => `${where}: ${owner} is shown with ${list(served)}, the ledger has ${list(booked)}`,
      )
      const mayBeSilent = row.offeredEntry !== undefined || !wantsVip(type, row.labels)
      holds(
        served.length > 0 || mayBeSilent || row.pendingReason !== undefined,
        'VIP-5',
        () => `${where}: ${owner} has no VIP and does not say why`,
      )
    }
    for (const [owner, rows] of active)
      holds(
        false,
        'VIP-5',
        () => `${where}: ${list(rows.map((r) => r.address))} is active for ${owner}, who is not there`,
      )
  }
}

const list = (addresses: readonly string[]): string => (addresses.length === 0 ? 'nothing' : addresses.join(', '))
const text = (row: LedgerRow | undefined): string => (row === undefined ? 'nobody' : ownerText(row))
