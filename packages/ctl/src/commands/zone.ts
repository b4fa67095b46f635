import { type Api, isObject, type JsonObject, objectsOf, textOf } from '../api.js'
import { defineCommand, plainOutputs } from '../cli/command.js'
import { yesOption } from '../cli/options.js'
import { exitStatus, type Io } from '../io.js'
import { ageText } from '../output/age.js'
import { formatted, type Output } from '../output/format.js'
import { tableText } from '../output/table.js'

/** `zone list`: whose each name is, and who else asks for it. */
export async function zoneList(io: Io, api: Api, options: { readonly output: Output }): Promise<number> {
  const { items } = await api.list('/_holdfast/zones')
  io.out.write(
    formatted(options.output, { total: items.length, items }, () =>
      tableText(
        ['NAME', 'STATUS', 'ADDRESS', 'STORE', 'ASKED FOR BY', 'ADOPTED AGO'],
        items.map((zone) => [
          textOf(zone.name),
          statusOf(zone),
          textOf(zone.address),
          textOf(zone.storeId),
          isObject(zone.claimant) ? textOf(zone.claimant.storeId) : '',
          ageText(zone.adoptedAt, io.nowMs()),
        ]),
      ),
    ),
  )
  return exitStatus.fine
}

function statusOf(zone: JsonObject): string {
  if (textOf(zone.decommissionedAt) !== '') return 'Decommissioned'
  if (isObject(zone.paused)) return 'Paused'
  if (zone.owesReturn === true) return zone.connected === true ? 'Returning' : 'Adopted'
  return zone.connected === true ? 'Online' : 'Offline'
}

export interface AdoptOptions {
  readonly zone: string
  readonly storeId?: string | undefined
  /** False: only what would happen. */
  readonly yes: boolean
  readonly output: Output
}

/** `zone adopt ZONE`: gives a zone's name and leases to another store. Without `--yes` it only tells what would happen. */
export async function zoneAdopt(io: Io, api: Api, options: AdoptOptions): Promise<number> {
  const { zone, storeId, yes, output } = options
  const path = `/_holdfast/zones/${encodeURIComponent(zone)}/adopt`
  const query = storeId === undefined ? '' : `?${new URLSearchParams({ storeId })}`
  const plan = await api.tell(`${path}${query}`, 'changed')
  // What is done is what was shown, although another store may ask meanwhile.
  const done = yes && plan.changed === true ? await api.post(path, { storeId: textOf(plan.to) }) : plan
  // What the zone has and global lacks is made here, as if somebody had applied it.
  const lacking = objectsOf(done.lacking)
  if (yes && lacking.length > 0) await api.post('/_apply', { items: lacking })
  io.out.write(formatted(output, done, () => adoptText(done, yes)))
  return exitStatus.fine
}

function adoptText(adoption: JsonObject, yes: boolean): string {
  const zone = textOf(adoption.zone)
  const to = textOf(adoption.to)
  if (adoption.changed !== true) {
    const lacking = lackingLines(adoption, yes)
    if (lacking.length === 0) return `zone ${zone} belongs to the store ${to} already; nothing changed\n`
    return [`zone ${zone} belongs to the store ${to} already`, ...lacking, ...(yes ? [] : [nothingChanged]), ''].join(
      '\n',
    )
  }
  const resources = objectsOf(adoption.resources).map((row) => `${String(row.count)} ${textOf(row.type)}`)
  const blocks = objectsOf(adoption.blocks).map(
    (block) => `  ${textOf(block.kind)} ${textOf(block.cidr)}, lease generation ${String(block.generation)}`,
  )
  return [
    `zone ${zone}: the name ${yes ? 'now belongs' : 'would belong'} to the store ${to}, no longer to ${textOf(adoption.from) || 'nobody'}`,
    ...(blocks.length === 0 ? [] : [`blocks leased to it:`, ...blocks]),
    `goes back to it when it connects: ${resources.length === 0 ? 'nothing' : resources.join(', ')}, with their addresses`,
    ...lackingLines(adoption, yes),
    yes ? 'start the zone again if it has stopped; a store of before that comes back is refused' : nothingChanged,
    '',
  ].join('\n')
}

const nothingChanged = 'nothing was changed; run it again with --yes to do so'

/** What the zone has made by itself and nobody else knows of. */
function lackingLines(adoption: JsonObject, yes: boolean): readonly string[] {
  const lacking = objectsOf(adoption.lacking)
  if (lacking.length === 0) return []
  const line = ({ type, mesh, name }: JsonObject): string =>
    `  ${textOf(type)} ${textOf(name)}${textOf(mesh) === '' ? '' : ` in mesh ${textOf(mesh)}`}`
  return [
    `the zone has and global ${yes ? 'did not have; made here, and what waits for it in the zone is shared now' : 'has not'}:`,
    ...lacking.map(line),
  ]
}

export interface DecommissionOptions {
  readonly zone: string
  /** False: only what would happen. */
  readonly yes: boolean
  readonly output: Output
}

/** `zone decommission ZONE`: takes a zone out of service for good. Without `--yes` it only tells what would go with it. */
export async function zoneDecommission(io: Io, api: Api, { zone, yes, output }: DecommissionOptions): Promise<number> {
  const path = `/_holdfast/zones/${encodeURIComponent(zone)}/decommission`
  const report = yes ? await api.post(path, {}) : await api.tell(path, 'changed')
  io.out.write(formatted(output, report, () => decommissionText(report, yes)))
  return exitStatus.fine
}

function decommissionText(report: JsonObject, yes: boolean): string {
  const zone = textOf(report.zone)
  if (report.changed !== true) return `zone ${zone} is out of service already; nothing changed\n`
  const resources = objectsOf(report.resources).map((row) => `${String(row.count)} ${textOf(row.type)}`)
  const blocks = objectsOf(report.blocks).map((block) => `  ${textOf(block.kind)} ${textOf(block.cidr)}`)
  return [
    `zone ${zone} ${yes ? 'is' : 'would be'} out of service, with its store ${textOf(report.storeId) || '(none)'}`,
    `${yes ? 'removed' : 'would be removed'} everywhere: ${resources.length === 0 ? 'nothing' : resources.join(', ')}`,
    `addresses that rest in quarantine: ${String(report.addresses)}`,
    ...(blocks.length === 0 ? [] : ['blocks that stay with the name:', ...blocks]),
    yes ? 'the name is free: a zone with an empty database may take it' : nothingChanged,
    '',
  ].join('\n')
}

export const zoneListCommand = defineCommand({
  outputs: plainOutputs,
  examples: [['zone list', 'whose each name is, and who else asks for it']],
  run: async ({ io, api, output }) => zoneList(io, await api(), { output }),
})

export const zoneAdoptCommand = defineCommand<{ readonly storeId?: string; readonly yes: boolean }>({
  configure: (command) =>
    command
      .argument('<zone>')
      .option('--store-id <uuid>', 'the new store; that which has asked for the name last if not said')
      .addOption(yesOption()),
  completes: ['zone'],
  outputs: plainOutputs,
  examples: [
    ['zone adopt east', 'what would happen'],
    ['zone adopt east --yes', 'do it'],
  ],
  run: async ({ io, api, output }, [zone = ''], options) => zoneAdopt(io, await api(), { zone, ...options, output }),
})

export const zoneDecommissionCommand = defineCommand<{ readonly yes: boolean }>({
  configure: (command) => command.argument('<zone>').addOption(yesOption()),
  completes: ['zone'],
  outputs: plainOutputs,
  examples: [
    ['zone decommission east', 'what would go with it'],
    ['zone decommission east --yes', 'do it'],
  ],
  run: async ({ io, api, output }, [zone = ''], { yes }) => zoneDecommission(io, await api(), { zone, yes, output }),
})
