import type { VipClaim } from '@holdfast/model'
import type { Io } from '../io.js'
import { paint } from '../output/colour.js'
import { tableText } from '../output/table.js'

export interface ResourceLine {
  /** `elsewhere`: another control plane tells it; `computed`: each computes its own. */
  readonly action: 'create' | 'change' | 'copy' | 'same' | 'elsewhere' | 'computed' | 'cannot'
  readonly type: string
  readonly mesh: string
  readonly name: string
  readonly why: string
}

export interface ImportResult {
  readonly from: string
  readonly applied: boolean
  readonly resources: readonly ResourceLine[]
  readonly vips: readonly (VipClaim & { readonly verdict: string; readonly why: string })[]
}

const shown = new Set<ResourceLine['action']>(['create', 'change', 'copy', 'cannot'])

/** For people: what is done or impossible line by line, what is left alone in counts. */
export function resultText(io: Io, { from, applied, resources, vips }: ImportResult): string {
  const lines = resources.filter(({ action }) => shown.has(action))
  const claims = vips.filter(({ verdict }) => verdict !== 'here')
  const due = lines.filter(({ action }) => action !== 'cannot').length + claims.filter(isKept).length
  const impossible = lines.filter(({ action }) => action === 'cannot').length + claims.filter((v) => !isKept(v)).length
  const here = resources.filter(({ action }) => action === 'same').length
  const known = vips.length - claims.length
  return [
    `from ${from}`,
    ...(lines.length === 0
      ? []
      : [
          tableText(
            ['ACTION', 'TYPE', 'MESH', 'NAME', 'WHY'],
            lines.map(({ action, type, mesh, name, why }) => [action, type, mesh, name, why]),
          ),
        ]),
    ...(claims.length === 0
      ? []
      : [
          tableText(
            ['VIP', 'IN ZONE', 'BECOMES', 'KIND', 'MESH', 'SERVICE', 'OF', 'WHY'],
            claims.map((v) => [
              v.address,
              v.inZone,
              isKept(v) ? (v.verdict === 'alias' ? `alias in ${v.inZone}` : v.verdict) : 'cannot be kept',
              v.kind,
              v.mesh,
              v.namespace === '' ? v.name : `${v.namespace}/${v.name}`,
              v.zone ?? 'global',
              v.why,
            ]),
          ),
        ]),
    ...leftAlone(resources),
    ...(here + known === 0 ? [] : [`here already: ${here} resources, ${known} addresses`]),
    summary(io, { applied, due, impossible }),
    '',
  ].join('\n')
}

const isKept = ({ verdict }: { readonly verdict: string }): boolean => verdict !== 'refused'

function leftAlone(resources: readonly ResourceLine[]): readonly string[] {
  const counts = new Map<string, { readonly line: ResourceLine; count: number }>()
  for (const line of resources) {
    if (line.action !== 'elsewhere' && line.action !== 'computed') continue
    const key = JSON.stringify([line.type, line.why])
    const known = counts.get(key) ?? { line, count: 0 }
    counts.set(key, { line: known.line, count: known.count + 1 })
  }
  return [...counts.values()].map(({ line, count }) => `left alone: ${count} ${line.type}: ${line.why}`)
}

function summary(
  io: Io,
  { applied, due, impossible }: { readonly applied: boolean; readonly due: number; readonly impossible: number },
): string {
  if (due === 0 && impossible === 0) return paint(io, 'good', 'everything is here already: nothing to do')
  if (applied) return paint(io, impossible === 0 ? 'good' : 'doubtful', `${due} done, ${impossible} not possible`)
  return `${due} to do, ${impossible} not possible; nothing was changed. Do it with --yes`
}
