import { globalOrigin, invalid, jsonSpec, Problem, typeOf, vipPoolKind } from '@holdfast/model'
import { cidrOf, type Pool, poolProblems, rangeOf } from '@holdfast/vip'
import type { PoolSetting } from '../port.js'
import { blockId } from './lease.js'
import { nothingNeeded } from './loaded.js'
import type { PlanOptions } from './local.js'
import type { Unit } from './unit.js'
import { poolOf, poolsOf } from './vip-rules.js'
import type { RowDraft, WorkingSet } from './working-set.js'

export interface PoolsRequest {
  readonly actor: string
  /** Undefined: the default ones. */
  readonly pools?: readonly PoolSetting[] | undefined
  /** At least 5 bytes of chance, for the prefix of IPv6 addresses. */
  readonly random: Uint8Array
}

/** The pools of a new installation, as VipPool resources. Throws a Problem `invalid` that names all that is wrong. */
export const poolsUnit = (request: PoolsRequest, options: PlanOptions): Unit<null> => {
  const pools = poolsOf(request.pools, request.random)
  return {
    needs: {
      ...nothingNeeded,
      keys: pools.map((pool) => ({ type: 'VipPool', mesh: '', name: blockId(pool.kind, pool.cidr) })),
    },
    more: () => nothingNeeded,
    plan: (ws) => {
      for (const pool of pools) ws.put(poolRow(pool, ws, options))
      ws.audit({
        atMs: options.nowMs,
        actor: request.actor,
        action: 'initialised',
        subject: 'VIP pools',
        detail: { pools: pools.map((pool) => `${pool.kind} ${pool.cidr}`) },
      })
      return null
    },
  }
}

export interface PoolAddition {
  readonly pool: PoolSetting
  readonly actor: string
  /** False: only what would happen. */
  readonly apply: boolean
}

export interface PoolAdded {
  readonly pool: Pool
  /** False: it was there already. */
  readonly changed: boolean
}

/**
 * One more pool, from which blocks are leased when those before it have no room. Pools are only ever added: nothing is
 * renumbered, and what was leased stays leased. Global only.
 * @throws Problem `invalid` with all that is wrong, overlaps with known pools included; `conflict` while it is not ready
 */
export const addPoolUnit = ({ pool: setting, actor, apply }: PoolAddition, options: PlanOptions): Unit<PoolAdded> => ({
  needs: { ...nothingNeeded, wholeTypes: [{ type: 'VipPool', origin: globalOrigin }] },
  more: () => nothingNeeded,
  plan: (ws) =>
    ws.attempt((): { readonly keep: boolean; readonly value: PoolAdded } => {
      if (ws.state !== 'ready')
        throw new Problem('conflict', `global is ${ws.state}: pools are added once it is ready; see holdfastctl status`)
      const known = knownPools(ws)
      const pool = canonical(poolOf(setting))
      if (known.some(({ kind, cidr }) => kind === pool.kind && cidr === pool.cidr))
        return { keep: false, value: { pool, changed: false } }
      const problems = poolProblems([...known, pool]).filter(({ path }) => path.startsWith(`pools[${known.length}].`))
      const last = /^pools\[\d+\]\./
      const place = / \(pools\[\d+\]\)/
      if (problems.length > 0)
        throw invalid(
          'the VIP pool',
          problems.map(({ path, message }) => ({
            path: path.replace(last, ''),
            message: message.replace(place, ', a pool that is there'),
          })),
        )
      ws.put(poolRow(pool, ws, options))
      ws.audit({
        atMs: options.nowMs,
        actor,
        action: 'VIP pool added',
        subject: `VipPool "${blockId(pool.kind, pool.cidr)}"`,
        detail: { kind: pool.kind, cidr: pool.cidr },
      })
      return { keep: apply, value: { pool, changed: true } }
    }),
})

const knownPools = (ws: WorkingSet): readonly Pool[] =>
  ws.ofOrigin('VipPool', globalOrigin).flatMap((row) => (row.deleted ? [] : (vipPoolKind.read(row.spec) ?? [])))

/** Its first address, whichever of its addresses was given; what is no range stays as it was given, for the check. */
function canonical(pool: Pool): Pool {
  try {
    return { ...pool, cidr: cidrOf(rangeOf(pool.cidr)) }
  } catch {
    return pool
  }
}

function poolRow(pool: Pool, ws: WorkingSet, { nowMs }: PlanOptions): RowDraft {
  const type = typeOf('VipPool')
  const key = { type: type.name, mesh: '', name: blockId(pool.kind, pool.cidr) }
  const { kind, family, cidr, reserved } = pool
  const before = ws.row(key)
  return {
    ...key,
    ...jsonSpec(type, { kind, family, cidr, reserved: [...reserved] }),
    labels: {},
    origin: globalOrigin,
    exportName: key.name,
    displayName: key.name,
    namespace: '',
    audience: 'all',
    revision: before?.revision ?? 0,
    deleted: false,
    createdAtMs: nowMs,
    modifiedAtMs: nowMs,
    statusRevision: before?.statusRevision ?? 0,
    exposed: true,
  }
}
