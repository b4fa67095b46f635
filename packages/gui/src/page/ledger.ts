import { sinceText } from './age.js'
import { isJson, objectsIn, stringIn, timeIn } from './overview.js'
import { type Tree, table, tree } from './tree.js'

export interface Service {
  readonly kind: string
  readonly mesh: string
  readonly zone: string
  readonly name: string
  readonly addresses: readonly string[]
  readonly state: string
}

/** Rows of `GET /_holdfast/vips`, one for each address, as services, one for each owner; in the order in which they came. */
export function servicesOf(body: unknown): readonly Service[] {
  const services = new Map<string, Service>()
  for (const row of objectsIn(isJson(body) ? body.items : undefined)) {
    const [kind, mesh, zone, namespace, name] = [row.kind, row.mesh, row.zone, row.namespace, row.name].map(stringIn)
    const key = JSON.stringify([kind, mesh, zone, namespace, name])
    const before = services.get(key)
    services.set(key, {
      kind: kind ?? '',
      mesh: mesh ?? '',
      zone: zone || 'global',
      name: namespace ? `${name} (${namespace})` : (name ?? ''),
      state: stringIn(row.state),
      addresses: [...(before?.addresses ?? []), stringIn(row.address)],
    })
  }
  return [...services.values()]
}

/** What somebody typed, as a question to the ledger: an address or a name. */
export const questionOf = (typed: string): string => {
  const text = typed.trim()
  if (text === '') return ''
  const isAddress = /^[0-9.]+$/.test(text) || text.includes(':')
  return `&deleted=true&${isAddress ? 'address' : 'name'}=${encodeURIComponent(text)}`
}

export const ledgerOf = (services: readonly Service[], more: boolean): readonly Tree[] =>
  services.length === 0
    ? [tree('p', { class: 'quiet' }, 'no service has or had such an address or name')]
    : [
        table(
          ['service', 'mesh', 'zone', 'virtual IP', '', 'state'],
          services.map(({ name, mesh, zone, addresses, state }) => {
            const [first = '', second = ''] = [...addresses].sort(
              (a, b) => Number(a.includes(':')) - Number(b.includes(':')),
            )
            return [
              name,
              mesh,
              zone,
              tree('button', { class: 'plain address', type: 'button', 'data-address': first }, first),
              tree('span', { class: 'address quiet' }, second),
              tree('span', { class: state === 'active' ? 'good' : 'late' }, state),
            ]
          }),
        ),
        ...(more
          ? [tree('p', { class: 'quiet' }, `the first ${services.length}; type a name or an address for another`)]
          : []),
      ]

/** `GET /_holdfast/vips/explain`: why, in sentences, and what has happened to it. */
export const explainedOf = (body: unknown, nowMs: number): readonly Tree[] => {
  const matches = objectsIn(isJson(body) ? body.matches : undefined)
  return matches.flatMap((match) => {
    const owner = isJson(match.owner) ? match.owner : {}
    const history = objectsIn(match.history)
    return [
      tree(
        'h2',
        {},
        `${stringIn(owner.kind)} ${stringIn(owner.name)} of ${stringIn(owner.zone) || 'global'}: ${stringIn(match.state)}`,
      ),
      ...(Array.isArray(match.because) ? match.because : []).map((reason) => tree('p', {}, String(reason))),
      ...(history.length === 0
        ? []
        : [
            table(
              ['ago', 'what', 'address', 'why'],
              history.map((event) => [
                sinceText(timeIn(event.at), nowMs),
                stringIn(event.event),
                tree('span', { class: 'address' }, stringIn(event.address)),
                stringIn(event.why),
              ]),
            ),
          ]),
    ]
  })
}
