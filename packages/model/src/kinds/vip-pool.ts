import { z } from 'zod'
import { type Finding, strict } from './finding.js'
import { jsonKind } from './json-kind.js'
import { cidrProblem, vipFamily, vipKind } from './vip-range.js'

/** Where the addresses of a kind come from. Holdfast's own; written by global, read by its zones. */
const schema = z.looseObject({
  kind: vipKind,
  family: vipFamily,
  cidr: z.string(),
  /** Ranges in it that are never leased. */
  reserved: z.array(z.string()).default([]),
})

export type VipPoolSpec = z.infer<typeof schema>
export const vipPoolKind = jsonKind('VipPool', schema, findings)

function* findings({ family, cidr, reserved }: VipPoolSpec): Iterable<Finding> {
  const problem = cidrProblem(cidr, family)
  if (problem !== undefined) yield strict('spec.cidr', problem)
  for (const [index, range] of reserved.entries()) {
    const inner = cidrProblem(range, family)
    if (inner !== undefined) yield strict(`spec.reserved[${index}]`, inner)
  }
}
