import { hash } from 'node:crypto'
import { type Json, parseJson, type ResourceKey, utf8 } from '@holdfast/model'
import { type LedgerRow, MemoryStore, type MemoryStoreOptions, type Owner, type WritePlan } from '@holdfast/store'

/** What becomes of a plan, with the store as it was before it. */
type Change = (plan: WritePlan, store: MemoryStore) => WritePlan

/** The store whose plans are changed on their way to the commit. */
const replanned =
  (change: Change) =>
  (options: MemoryStoreOptions): MemoryStore => {
    const store: MemoryStore = new MemoryStore({ ...options, planted: { plan: (plan) => change(plan, store) } })
    return store
  }

const isForeign = (store: MemoryStore, { row }: WritePlan['upserts'][number]): boolean =>
  row.origin !== store.identity.name

/** What was refused is dropped, and nobody remembers that it was. */
export const refusalForgotten = replanned((plan) => ({ ...plan, refused: [] }))

/** What comes with something that is wrong is refused with it. */
export const refusedTogether = replanned((plan, store) => {
  const [wrong] = plan.refused
  const others = plan.upserts.filter((write) => isForeign(store, write) && write.row.type === wrong?.type)
  if (wrong === undefined || others.length === 0) return plan
  const isOfOthers = ({ kind, mesh, origin, namespace, displayName }: Owner): boolean =>
    others.some(
      ({ row }) =>
        row.type === kind &&
        row.mesh === mesh &&
        row.origin === origin &&
        row.namespace === namespace &&
        row.displayName === displayName,
    )
  const isNotOfOthers = (key: ResourceKey): boolean =>
    !others.some(({ type, mesh, name }) => type === key.type && mesh === key.mesh && name === key.name)
  const without = <T extends Owner>(rows: readonly T[]): readonly T[] => rows.filter((row) => !isOfOthers(row))
  const refused = others.map(({ row, expectedRevision }) => ({
    ...wrong,
    ...{ mesh: row.mesh, name: row.name, exportName: row.exportName, origin: row.origin },
    entry: row.offeredEntry ?? '',
    newcomer: expectedRevision === undefined,
  }))
  const known = others.filter(({ expectedRevision }) => expectedRevision !== undefined)
  return {
    ...plan,
    upserts: plan.upserts.filter((write) => !others.includes(write)),
    refused: [...plan.refused, ...refused],
    offered: [
      ...plan.offered,
      ...known.map(({ type, mesh, name, row }) => ({ type, mesh, name, offeredEntry: row.offeredEntry })),
    ],
    forms: plan.forms.filter(isNotOfOthers),
    statuses: plan.statuses.filter(isNotOfOthers),
    ledgerInserts: without(plan.ledgerInserts),
    ledgerReplacements: without(plan.ledgerReplacements),
    ledgerRevivals: without(plan.ledgerRevivals),
    ledgerTombstones: without(plan.ledgerTombstones),
    history: without(plan.history),
  }
})

/** The content of a copy overwrites its status, which its sender does not own. */
export const statusOverwritten = replanned((plan, store) => ({
  ...plan,
  statuses: [
    ...plan.statuses,
    ...plan.upserts
      .filter((write) => isForeign(store, write) && write.expectedRevision !== undefined)
      .map(({ type, mesh, name }) => ({ type, mesh, name, status: undefined })),
  ],
}))

/** The VIP is a field of the resource, and an update that is compared without it takes it away. */
export const vipOverwritten = replanned((plan, store) => ({
  ...plan,
  upserts: plan.upserts.map((write) =>
    isForeign(store, write) && write.expectedRevision !== undefined
      ? { ...write, row: { ...write.row, vips: undefined } }
      : write,
  ),
}))

/** A service is shown first, and gets its VIP in a transaction of its own. */
export const vipAfterwards = replanned((plan, store) => ({
  ...plan,
  upserts: plan.upserts.map((write) =>
    isForeign(store, write) ? write : { ...write, row: { ...write.row, vips: undefined, pendingReason: 'soon' } },
  ),
}))

/** What no schema knows is lost when a copy is written. */
export const unknownFieldsDropped = replanned((plan, store) => ({
  ...plan,
  upserts: plan.upserts.map((write) =>
    isForeign(store, write) ? { ...write, row: { ...write.row, spec: withoutUnknown(write.row.spec) } } : write,
  ),
}))

function withoutUnknown(spec: Uint8Array): Uint8Array {
  const parsed = parseJson(Buffer.from(spec).toString('utf8'))
  if (parsed.outcome !== 'read' || typeof parsed.value !== 'object' || parsed.value === null) return spec
  const { later, ...known } = parsed.value as { readonly [key: string]: Json }
  return utf8(JSON.stringify(known))
}

/** A deleted owner's address is free at once. */
export const tombstonesForgotten = replanned((plan, store) => withoutTombstones(plan, store))

function withoutTombstones(plan: WritePlan, store: MemoryStore): WritePlan {
  const gone = plan.ledgerTombstones.flatMap(({ atMs, ...of }) =>
    [...store.image.ledger.values()].filter((row) => isOf(row, of)).map(({ family }) => ({ ...of, family })),
  )
  return { ...plan, ledgerTombstones: [], ledgerFreed: [...plan.ledgerFreed, ...gone] }
}

const isOf = (row: LedgerRow, of: Omit<WritePlan['ledgerTombstones'][number], 'atMs'>): boolean =>
  row.scope === of.scope &&
  row.family === of.family &&
  row.kind === of.kind &&
  row.mesh === of.mesh &&
  row.origin === of.origin &&
  row.namespace === of.namespace &&
  row.displayName === of.displayName

/** Addresses are hashed, and nobody looks whether somebody has them. */
export const hashWithoutLedger = replanned((plan, store) => {
  const moved = new Map<string, string>()
  const ledgerInserts = plan.ledgerInserts.map((row) => {
    const cidr = row.blockId === undefined || row.family === 6 ? undefined : store.image.blocks.get(row.blockId)?.cidr
    if (cidr === undefined) return row
    const wanted = Number.parseInt(hash('sha256', `${row.mesh} ${row.displayName}`).slice(0, 6), 16) % 29
    const address = firstFree(
      cidr.replace(/\d+\/.*/, (last) => String(Number.parseInt(last, 10) + wanted)),
      new Set(),
    )
    moved.set(row.address, address)
    return { ...row, address }
  })
  return withAddresses({ ...plan, ledgerInserts }, moved, store)
})

/** An owner that comes back is a new one, and gets a new address. */
export const returnsAnew = replanned((plan, store) => {
  const back = plan.ledgerRevivals.flatMap((of) =>
    [...store.image.ledger.values()].filter((row) => isOf(row, of) && row.family === 4 && row.blockId !== undefined),
  )
  const taken = new Set([...store.image.ledger.values()].map((row) => row.address))
  const moved = new Map(
    back.map((row) => {
      const cidr = store.image.blocks.get(row.blockId ?? '')?.cidr
      const address = cidr === undefined ? row.address : firstFree(cidr, taken)
      taken.add(address)
      return [row.address, address]
    }),
  )
  const replaced = back.map((row) => ({ ...row, address: moved.get(row.address) ?? row.address }))
  return withAddresses({ ...plan, ledgerReplacements: [...plan.ledgerReplacements, ...replaced] }, moved, store)
})

/** The next free address, counted up among those that live: what a restart or a return gets depends on who came first. */
export const nextFree = replanned((plan, store) => {
  const kept = withoutTombstones(plan, store)
  const taken = new Set([...store.image.ledger.values()].map((row) => row.address))
  for (const row of kept.ledgerFreed)
    for (const held of store.image.ledger.values())
      if (isOf(held, row) && held.family === row.family) taken.delete(held.address)
  const moved = new Map<string, string>()
  const ledgerInserts = kept.ledgerInserts.map((row) => {
    const cidr = row.blockId === undefined || row.family === 6 ? undefined : store.image.blocks.get(row.blockId)?.cidr
    if (cidr === undefined) return row
    const address = firstFree(cidr, taken)
    taken.add(address)
    moved.set(row.address, address)
    return { ...row, address }
  })
  return withAddresses({ ...kept, ledgerInserts }, moved, store)
})

function withAddresses(plan: WritePlan, moved: ReadonlyMap<string, string>, store: MemoryStore): WritePlan {
  const at = (address: string): string => moved.get(address) ?? address
  return {
    ...plan,
    history: plan.history.map((row) => ({ ...row, address: at(row.address) })),
    upserts: plan.upserts.map((write) => {
      const { vips } = write.row
      if (vips === undefined || isForeign(store, write)) return write
      return { ...write, row: { ...write.row, vips: { ...vips, addresses: vips.addresses.map(at) } } }
    }),
  }
}

function firstFree(cidr: string, taken: ReadonlySet<string>): string {
  const [first = ''] = cidr.split('/')
  const octets = first.split('.').map(Number)
  let number = octets.reduce((sum, octet) => sum * 256 + octet, 0)
  for (;;) {
    number++
    const address = [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.')
    if (!taken.has(address)) return address
  }
}

/** What a hook did not answer to is asked again when it changes, and not before. */
export const hookAskedOnce = replanned((plan) => ({
  ...plan,
  forms: plan.forms.map((write) =>
    write.form.state === 'waiting' && write.form.tries > 0
      ? { ...write, form: { ...write.form, nextTryMs: undefined } }
      : write,
  ),
}))

/** A copy's generation is not looked at: what is remembered of it is that there is one address. */
export const generationIgnored = replanned((plan, store) => {
  const without = (row: LedgerRow): LedgerRow => (row.origin === store.identity.name ? row : { ...row, generation: 0 })
  return {
    ...plan,
    ledgerInserts: plan.ledgerInserts.map(without),
    ledgerReplacements: plan.ledgerReplacements.map(without),
  }
})

/** Whoever comes back to a freed address is no newer than before: nobody can tell which of its addresses counts. */
export const generationForgotten = replanned((plan, store) => ({
  ...plan,
  ledgerInserts: plan.ledgerInserts.map((row) =>
    row.origin === store.identity.name ? { ...row, generation: 0 } : row,
  ),
  upserts: plan.upserts.map((write) => {
    const { vips } = write.row
    if (vips === undefined || isForeign(store, write)) return write
    return { ...write, row: { ...write.row, vips: { ...vips, generation: 0 } } }
  }),
}))

/** What comes back to a zone that has lost its store comes without its addresses, and waits for others. */
export const returnsWithoutAddress = replanned((plan, store) => {
  if (store.identity.role !== 'zone' || store.image.state !== 'recovering') return plan
  const ofOthers = <T extends Owner>(rows: readonly T[]): readonly T[] =>
    rows.filter((row) => row.origin !== store.identity.name)
  return {
    ...plan,
    ledgerInserts: ofOthers(plan.ledgerInserts),
    ledgerReplacements: ofOthers(plan.ledgerReplacements),
    ledgerRevivals: ofOthers(plan.ledgerRevivals),
    history: ofOthers(plan.history),
    upserts: plan.upserts.map((write) =>
      isForeign(store, write) ? write : { ...write, row: { ...write.row, vips: undefined, pendingReason: 'soon' } },
    ),
  }
})
