import { Option } from 'commander'
import { type Api, isObject, objectsOf, textOf } from '../api.js'
import { defineCommand, plainOutputs } from '../cli/command.js'
import { zoneOption } from '../cli/options.js'
import { exitStatus, type Io } from '../io.js'
import { formatted, type Output } from '../output/format.js'
import { tableText } from '../output/table.js'

export interface DnsOptions {
  /** Which zone to ask, at global. */
  readonly zone?: string | undefined
  readonly output: Output
}

const withQuery = (path: string, query: Readonly<Record<string, string | undefined>>): string => {
  const defined = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return defined.length === 0 ? path : `${path}?${new URLSearchParams(defined)}`
}

/**
 * `dns lookup NAME`: what a zone answers, and with `explain` where that comes from.
 * @returns 1 where there is no answer
 */
export async function dnsLookup(
  io: Io,
  api: Api,
  o: DnsOptions & { readonly name: string; readonly type: string; readonly explain: boolean },
): Promise<number> {
  const found = await api.get(withQuery('/_holdfast/dns/lookup', { name: o.name, type: o.type, zone: o.zone }))
  const answer = isObject(found.answer) ? found.answer : {}
  const outcome = textOf(answer.outcome)
  const records = objectsOf(answer.records)
  io.out.write(
    formatted(o.output, found, () => {
      const lines =
        records.length > 0
          ? [
              tableText(
                ['NAME', 'TYPE', 'TTL', 'DATA'],
                records.map((r) => [textOf(r.name), textOf(r.type), String(r.ttl), dataText(r.data)]),
              ),
            ]
          : [`${textOf(found.name)} ${textOf(found.type)}: ${outcomes[outcome] ?? outcome}\n`]
      const unserved = objectsOf(found.unserved)
      for (const each of unserved) lines.push(`not served: ${serviceText(each.service)}: ${textOf(each.reason)}\n`)
      if (o.explain) lines.push(explained(found))
      return lines.join('')
    }),
  )
  return outcome === 'answered' ? exitStatus.fine : exitStatus.failed
}

const outcomes: Readonly<Record<string, string>> = {
  nodata: 'the name is there, and has no such record (NODATA)',
  nxdomain: 'there is no such name (NXDOMAIN)',
  foreign: 'not a name of this mesh: it is asked of the upstreams, or refused where there are none',
}

function explained(found: Readonly<Record<string, unknown>>): string {
  if (!isObject(found.service)) return `no service has this name at revision ${String(found.revision)}\n`
  return [
    `service     ${serviceText(found.service)}\n`,
    `hostname    ${textOf(found.hostname)}\n`,
    `generator   ${textOf(found.generator)}\n`,
    `addresses   ${Array.isArray(found.addresses) ? found.addresses.join(', ') : ''}\n`,
    `generation  ${String(found.generation)}\n`,
    `revision    ${String(found.revision)}\n`,
  ].join('')
}

function serviceText(value: unknown): string {
  if (!isObject(value)) return ''
  const { type, mesh, name, origin } = value
  return `${textOf(type)} ${textOf(name)} of ${textOf(origin) === '' ? 'global' : `zone ${textOf(origin)}`} in mesh ${textOf(mesh)}`
}

const dataText = (data: unknown): string => {
  if (!isObject(data)) return textOf(data)
  if (data.target !== undefined)
    return `${String(data.priority)} ${String(data.weight)} ${String(data.port)} ${textOf(data.target)}`
  return `${textOf(data.mname)} ${textOf(data.rname)} ${String(data.serial)}`
}

/** `dns status`: whether a zone answers, what, and whether that is what its store says. */
export async function dnsStatus(io: Io, api: Api, { zone, output }: DnsOptions): Promise<number> {
  const standing = await api.tell(withQuery('/_holdfast/dns', { zone }), 'enabled')
  io.out.write(
    formatted(output, standing, () => {
      if (standing.enabled !== true) return 'no names are answered here (--dns-port off)\n'
      const verdicts = isObject(standing.verdicts) ? Object.entries(standing.verdicts) : []
      const faults = Array.isArray(standing.faults) ? standing.faults.map(String) : []
      return tableText(
        ['port', String(standing.port)],
        [
          [
            'names',
            `${String(standing.hostnames)} of ${String(standing.services)} services, at revision ${String(standing.revision)}`,
          ],
          ['authority over', Array.isArray(standing.zones) ? standing.zones.join(', ') : ''],
          [
            'store',
            standing.following === true ? 'followed' : `not read: ${textOf(standing.reason)}; names stay as they are`,
          ],
          ['on an earlier word', `${String(standing.kept)} services`],
          ['not served', `${String(standing.unserved)} names (holdfastctl dns unserved)`],
          ['queries', verdicts.map(([verdict, count]) => `${verdict} ${String(count)}`).join(', ') || 'none yet'],
          ['faults', faults.length === 0 ? 'none: what is answered is what ledger and store have' : faults.join('; ')],
        ],
      )
    }),
  )
  return Array.isArray(standing.faults) && standing.faults.length > 0 ? exitStatus.differs : exitStatus.fine
}

/** `dns unserved`: names that services should have and have not, and who or what is in the way. */
export async function dnsUnserved(io: Io, api: Api, { output }: DnsOptions): Promise<number> {
  const found = await api.tell('/_holdfast/dns/unserved', 'items')
  const items = objectsOf(found.items)
  io.out.write(
    formatted(output, found, () =>
      items.length === 0
        ? 'every service has all of its names\n'
        : tableText(
            ['HOSTNAME', 'SERVICE', 'GENERATOR', 'REASON'],
            items.map((item) => {
              const service = isObject(item.service) ? { ...item.service, origin: item.service.zone ?? '' } : undefined
              return [textOf(item.hostname), serviceText(service), textOf(item.generator), textOf(item.reason)]
            }),
          ),
    ),
  )
  return exitStatus.fine
}

const askedZone = (): Option => zoneOption('zone to ask, at global')

export const dnsLookupCommand = defineCommand<{
  readonly zone?: string
  readonly type: string
  readonly explain: boolean
}>({
  configure: (command) =>
    command
      .argument('<name>', 'for example web.svc.mesh.local')
      .addOption(askedZone())
      .addOption(new Option('-t, --type <type>', 'kind of record: A, AAAA, SRV, PTR, SOA').default('A'))
      .option('--explain', 'which service, generator and generation it comes from', false),
  outputs: plainOutputs,
  more: 'Exit status 1 if there is no answer.',
  examples: [['dns lookup web.svc.mesh.local --explain', 'what a zone answers, and why']],
  run: async ({ io, api, output }, [name = ''], options) => dnsLookup(io, await api(), { ...options, name, output }),
})

export const dnsStatusCommand = defineCommand<{ readonly zone?: string }>({
  configure: (command) => command.addOption(askedZone()),
  outputs: plainOutputs,
  more: 'Exit status 3 if what is answered is not what ledger and store have.',
  examples: [['dns status', 'whether this zone answers, and what']],
  run: async ({ io, api, output }, _, options) => dnsStatus(io, await api(), { ...options, output }),
})

export const dnsUnservedCommand = defineCommand({
  outputs: plainOutputs,
  examples: [['dns unserved', 'names that services should have and have not, and why']],
  run: async ({ io, api, output }) => dnsUnserved(io, await api(), { output }),
})
