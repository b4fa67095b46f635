import { z } from 'zod'
import { type Finding, strict } from './finding.js'
import { jsonKind } from './json-kind.js'
import { cidrProblem, vipFamily, vipKind } from './vip-range.js'

/** A slice of a pool that is leased to one store. Holdfast's own; written by global, read by its zones. */
const schema = z.looseObject({
  kind: vipKind,
  family: vipFamily,
  cidr: z.string(),
  /** Name of the zone that allocates from it, '' for global. */
  owner: z.string(),
  /** Identity of the owner's store: a lease is not bound to the name. */
  storeId: z.string(),
  generation: z.int(),
})

export type VipBlockSpec = z.infer<typeof schema>
export const vipBlockKind = jsonKind('VipBlock', schema, findings)

function* findings({ family, cidr, generation }: VipBlockSpec): Iterable<Finding> {
  const problem = cidrProblem(cidr, family)
  if (problem !== undefined) yield strict('spec.cidr', problem)
  if (generation < 1) yield strict('spec.generation', 'must be greater than 0')
}
