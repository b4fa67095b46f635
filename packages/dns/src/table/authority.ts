import type { HostnameGenerator } from '@holdfast/model'
import ipaddr from 'ipaddr.js'
import type { Served } from '../answer.js'
import { ancestorsOf, folded } from './names.js'
import type { NameTable } from './table.js'

/**
 * For which names this zone has the last word. What is below an apex and not in the table does not exist; everything else
 * is somebody else's to answer.
 */
export class Authority {
  readonly #apexes: ReadonlySet<string>

  constructor(apexes: Iterable<string>) {
    const all = new Set(apexes)
    // One that lies below another adds nothing.
    this.#apexes = new Set([...all].filter((apex) => ![...ancestorsOf(apex)].some((above) => all.has(above))))
  }

  get apexes(): readonly string[] {
    return [...this.#apexes].sort()
  }

  /** The apex over a name, the name itself included; `undefined` for what is not ours. */
  apexOf(name: string): string | undefined {
    if (this.#apexes.has(name)) return name
    for (const ancestor of ancestorsOf(name)) if (this.#apexes.has(ancestor)) return ancestor
    return undefined
  }
}

/** What is answered from a table, with the reverse zones of these pools. */
export const servedBy = (table: NameTable, pools: readonly string[], revision: number): Served => ({
  table,
  authority: new Authority([...apexesOf(table.generators), ...pools.flatMap(reverseApexesOf)]),
  revision,
})

/**
 * What the generators' templates end with, as far as it is fixed and has two labels at least: `svc.mesh.local` of
 * `{{ .DisplayName }}.svc.mesh.local`. A template without such an end gives no apex, only the names that it makes: nobody
 * takes over `local` because a template ends with it.
 */
export function apexesOf(generators: readonly HostnameGenerator[]): readonly string[] {
  return generators.flatMap(({ template }) => {
    if (template.outcome === 'failed') return []
    const last = template.nodes.at(-1)
    if (last?.is !== 'text') return []
    const text = folded(last.text.trim())
    // A constant template is a name, and its own apex.
    const whole = template.nodes.length === 1
    const dot = text.indexOf('.')
    const end = whole ? text : dot < 0 ? '' : text.slice(dot + 1)
    return end.includes('.') && !end.includes(' ') ? [end] : []
  })
}

const perLabelBits = { 4: 8, 6: 4 } as const

/**
 * Reverse zones of a CIDR: as many as it takes where its prefix does not end at a label, 16 at most for IPv6 and 128 for
 * IPv4. None for what is no CIDR.
 */
export function reverseApexesOf(cidr: string): readonly string[] {
  let parsed: ReturnType<typeof ipaddr.parseCIDR>
  try {
    parsed = ipaddr.parseCIDR(cidr)
  } catch {
    return []
  }
  const [address, prefix] = parsed
  const bytes = address.toByteArray()
  const isV4 = bytes.length === 4
  const bits = perLabelBits[isV4 ? 4 : 6]
  const labels = isV4 ? bytes : bytes.flatMap((byte) => [byte >> 4, byte & 15])
  const whole = Math.floor(prefix / bits)
  const fixed = labels.slice(0, whole)
  const rest = prefix - whole * bits
  const name = (parts: readonly number[]): string =>
    [...parts]
      .reverse()
      .map((part) => (isV4 ? String(part) : part.toString(16)))
      .join('.') + (isV4 ? '.in-addr.arpa' : '.ip6.arpa')
  if (rest === 0) return fixed.length === 0 ? [] : [name(fixed)]
  const count = 2 ** (bits - rest)
  const first = ((labels[whole] ?? 0) >> (bits - rest)) << (bits - rest)
  return Array.from({ length: count }, (_, i) => name([...fixed, first + i]))
}
