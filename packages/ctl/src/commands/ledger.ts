import { isIP } from 'node:net'
import { type Api, isObject, type JsonObject, objectsOf, textOf } from '../api.js'
import { defineCommand, plainOutputs } from '../cli/command.js'
import { kindOption, yesOption, zoneOption } from '../cli/options.js'
import { exitStatus, type Io } from '../io.js'
import { paint } from '../output/colour.js'
import { formatted, type Output } from '../output/format.js'
import { tableText } from '../output/table.js'

/** `vip rebuild`: the plan, or with `--yes` what was done. Exit status 3 while something contradicts the ledger. */
export async function vipRebuild(
  io: Io,
  api: Api,
  options: { readonly yes: boolean; readonly output: Output },
): Promise<number> {
  const body = await api.post('/_holdfast/vips/rebuild', { apply: options.yes })
  io.out.write(formatted(options.output, body, () => rebuildText(io, body)))
  return Array.isArray(body.conflicts) && body.conflicts.length > 0 ? exitStatus.differs : exitStatus.fine
}

function rebuildText(io: Io, body: JsonObject): string {
  const items = objectsOf(body.items)
  const conflicts = Array.isArray(body.conflicts) ? body.conflicts.map(String) : []
  const table = tableText(
    ['ADDRESS', 'KIND', 'MESH', 'ZONE', 'NAME', 'STATE', 'GENERATION', 'WITNESS'],
    items.map((row) => [
      textOf(row.address),
      textOf(row.kind),
      textOf(row.mesh),
      textOf(row.zone) || 'global',
      textOf(row.name),
      textOf(row.state),
      String(row.generation),
      textOf(row.witness),
    ]),
  )
  const unknown = Number(body.unknown)
  return [
    ...(items.length === 0 ? [] : [table]),
    ...conflicts.map((conflict) => paint(io, 'bad', `conflict, the ledger stays as it is: ${conflict}`)),
    ...objectsOf(body.notAsked).map((each) => `zone ${textOf(each.zone)} was not asked: ${textOf(each.reason)}`),
    ...(unknown > 0 ? [`${unknown} without an address that anybody remembers: by hash, or waiting for a block`] : []),
    body.applied === true
      ? paint(io, 'good', `${items.length} put back, ${String(body.fromZones)} more remembered by zones`)
      : items.length === 0
        ? 'the ledger lacks nothing'
        : `${items.length} to put back; nothing was changed. Do it with: holdfastctl vip rebuild --yes`,
    '',
  ].join('\n')
}

/** `vip release ADDRESS|NAME`. */
export async function vipRelease(
  io: Io,
  api: Api,
  options: {
    readonly subject: string
    readonly kind?: string | undefined
    readonly mesh?: string | undefined
    readonly zone?: string | undefined
    readonly output: Output
  },
): Promise<number> {
  const { subject, kind, mesh, zone, output } = options
  const query = Object.entries({
    ...(isIP(subject) === 0 ? { name: subject } : { address: subject }),
    ...{ kind, mesh, zone },
  }).flatMap(([name, value]): [string, string][] => (value === undefined ? [] : [[name, value]]))
  const body = await api.post(`/_holdfast/vips/release?${new URLSearchParams(query)}`, {})
  const owner = isObject(body.owner) ? body.owner : {}
  const released = Array.isArray(body.released) ? body.released.map(String) : []
  io.out.write(
    formatted(
      output,
      body,
      () =>
        `released ${released.join(' and ')}, which ${textOf(owner.kind)} ${textOf(owner.name)} of ${textOf(owner.zone) || 'global'} had; other control planes keep it until their own quarantine is over\n`,
    ),
  )
  return exitStatus.fine
}

export const vipRebuildCommand = defineCommand<{ readonly yes: boolean }>({
  configure: (command) => command.addOption(yesOption()),
  outputs: plainOutputs,
  examples: [
    ['vip rebuild', 'what the ledger lacks, and who remembers it'],
    ['vip rebuild --yes', 'put it back'],
  ],
  run: async ({ io, api, output }, _, { yes }) => vipRebuild(io, await api(), { yes, output }),
})

export const vipReleaseCommand = defineCommand<{ readonly kind?: string; readonly zone?: string }>({
  configure: (command) =>
    command
      .argument('<subject>', 'an address, or a deleted service by display name')
      .addOption(kindOption())
      .addOption(zoneOption()),
  outputs: plainOutputs,
  examples: [['vip release 241.16.0.1', 'its owner is gone; it may go to another at once']],
  run: async ({ io, api, output, meshIfSaid: mesh }, [subject = ''], options) =>
    vipRelease(io, await api(), { ...options, subject, mesh, output }),
})
