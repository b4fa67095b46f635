import { globalOrigin, Problem, vipPoolKind } from '@holdfast/model'
import { rangeOf } from '@holdfast/vip'
import { badRequest } from '../http/errors.js'
import type { ApiContext } from '../options.js'
import { poolJson } from './json.js'

/** There are a handful: three kinds in two families, and what was added. */
const poolsMax = 1_000

/** `{items}`: every pool that this control plane knows, with how much of it is leased; a zone knows its own blocks only. */
export async function listPools({ store }: ApiContext) {
  const [{ items }, blocks] = await Promise.all([
    store.read.list({ type: 'VipPool', offset: 0, limit: poolsMax }),
    store.vip.blocks(),
  ])
  const pools = items
    .filter(({ origin }) => origin === globalOrigin)
    .flatMap(({ spec }) => vipPoolKind.read(spec) ?? [])
  return { items: pools.map((pool) => poolJson(pool, blocks)) }
}

/**
 * `{kind, cidr, apply}` → `{pool, changed, applied}`.
 * @throws Problem `readOnly` (in a zone), `invalid` with everything that is wrong, `conflict` (global is not ready)
 */
export async function addPool({ store, mode }: ApiContext, fields: Readonly<Record<string, unknown>>, actor: string) {
  if (mode !== 'global')
    throw new Problem('readOnly', 'this is a zone: pools are added at global, and every zone hears of them')
  const { kind, cidr, apply } = fields
  if (typeof kind !== 'string' || kind === '' || typeof cidr !== 'string' || cidr === '')
    throw badRequest('"kind" and "cidr" must be given, such as {"kind": "MeshService", "cidr": "241.208.0.0/16"}')
  const isApplied = apply === true
  const { pool, changed } = await store.vip.addPool({
    pool: { kind, cidr, family: familyOf(cidr) },
    actor,
    apply: isApplied,
  })
  return { pool: poolJson(pool, await store.vip.blocks()), changed, applied: isApplied && changed }
}

/** What is no range is told with whatever else is wrong. */
function familyOf(cidr: string): 4 | 6 {
  try {
    return rangeOf(cidr).family
  } catch {
    return 4
  }
}
