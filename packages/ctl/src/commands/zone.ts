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
  const plan = await api.get(`${path}${query}`)
  // What is done is what was shown, although another store may ask meanwhile.
  const done = yes && plan.changed === true ? await api.post(path, { storeId: textOf(plan.to) }) : plan
  io.out.write(formatted(output, done, () => adoptText(done, yes)))
  return exitStatus.fine
}

function adoptText(adoption: JsonObject, yes: boolean): string {
  const zone = textOf(adoption.zone)
  const to = textOf(adoption.to)
  if (adoption.changed !== true) return `zone ${zone} belongs to the store ${to} already; nothing changed\n`
  const resources = objectsOf(adoption.resources).map((row) => `${String(row.count)} ${textOf(row.type)}`)
  const blocks = objectsOf(adoption.blocks).map(
    (block) => `  ${textOf(block.kind)} ${textOf(block.cidr)}, lease generation ${String(block.generation)}`,
  )
  return [
    `zone ${zone}: the name ${yes ? 'now belongs' : 'would belong'} to the store ${to}, no longer to ${textOf(adoption.from) || 'nobody'}`,
    ...(blocks.length === 0 ? [] : [`blocks leased to it:`, ...blocks]),
    `goes back to it when it connects: ${resources.length === 0 ? 'nothing' : resources.join(', ')}, with their addresses`,
    yes
      ? 'start the zone again if it has stopped; a store of before that comes back is refused'
      : 'nothing was changed; run it again with --yes to do so',
    '',
  ].join('\n')
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
  const report = yes ? await api.post(path, {}) : await api.get(path)
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
    yes
      ? 'the name is free: a zone with an empty database may take it'
      : 'nothing was changed; run it again with --yes to do so',
    '',
  ].join('\n')
}

/** `zone federate`: at a zone that ran by itself. Without `--yes` it only tells what would happen. */
export async function zoneFederate(
  io: Io,
  api: Api,
  { yes, output }: { readonly yes: boolean; readonly output: Output },
): Promise<number> {
  const path = '/_holdfast/federation'
  const plan = yes ? await api.post(path, {}) : await api.get(path)
  io.out.write(formatted(output, plan, () => federationText(plan, yes)))
  return exitStatus.fine
}

function federationText(plan: JsonObject, yes: boolean): string {
  const collisions = objectsOf(plan.collisions).map(
    (one) =>
      `  ${textOf(one.owner)}: ${textOf(one.address)} lies in a block of ${textOf(one.leasedTo)}; ${yes ? 'now' : 'then'} ${textOf(one.becomes) || 'a new one as soon as a block is leased'}`,
  )
  const meshes = Array.isArray(plan.meshes) ? plan.meshes.map(String) : []
  return [
    ...(collisions.length === 0
      ? ['no address of this zone collides with the blocks that global has leased']
      : [
          `addresses that ${yes ? 'hold in this zone alone from now on' : 'would hold in this zone alone'}:`,
          ...collisions,
        ]),
    ...(meshes.length === 0
      ? []
      : [
          `meshes that global does not know, kept here and told to nobody: ${meshes.join(', ')}; apply them at global to share them`,
        ]),
    ...(yes || collisions.length === 0 ? [] : ['nothing was changed; run it again with --yes to do so']),
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

export const zoneFederateCommand = defineCommand<{ readonly yes: boolean }>({
  configure: (command) => command.addOption(yesOption()),
  outputs: plainOutputs,
  examples: [['zone federate', 'at the zone: which addresses are leased to others, and what becomes of them']],
  run: async ({ io, api, output }, _, { yes }) => zoneFederate(io, await api(), { yes, output }),
})
