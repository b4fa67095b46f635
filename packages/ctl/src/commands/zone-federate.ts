import { type Api, isObject, type JsonObject, objectsOf, textOf } from '../api.js'
import { type Context, defineCommand, plainOutputs } from '../cli/command.js'
import { isUrl } from '../cli/globals.js'
import { yesOption } from '../cli/options.js'
import { CliError, exitStatus, type Io, usageError } from '../io.js'
import { formatted, type Output } from '../output/format.js'

/** As many services as global looks at in one request. */
const servicesPerRequest = 10_000
/** Names in the text; with `-o json` there are all of them. */
const namedMax = 20

/** `zone federate`: at a zone that ran by itself. Without `--yes` it only tells what would happen. */
export async function zoneFederate(
  io: Io,
  api: Api,
  { yes, output }: { readonly yes: boolean; readonly output: Output },
): Promise<number> {
  const path = '/_holdfast/federation'
  const plan = yes ? await api.post(path, {}) : await api.tell(path, 'collisions')
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
          `meshes that global does not know, kept here and told to nobody: ${meshes.join(', ')}; "holdfastctl zone adopt ZONE" at global makes them there`,
        ]),
    ...(yes || collisions.length === 0 ? [] : ['nothing was changed; run it again with --yes to do so']),
    '',
  ].join('\n')
}

interface JoinPlan {
  readonly zone: string
  readonly refused: string
  readonly blocks: readonly JsonObject[]
  readonly meshes: readonly JsonObject[]
  readonly services: readonly JsonObject[]
  /** Services that have no address yet. */
  readonly pending: number
}

/**
 * `zone federate --global`: what would become of this zone at that global, before it is told to join. Both are only read.
 * Exit status 3 if something would not go on as it is.
 */
export async function zoneJoinPlan(io: Io, zone: Api, global: Api, output: Output): Promise<number> {
  const plan = await joinPlan(zone, global)
  io.out.write(formatted(output, { ...plan, refused: plan.refused || null }, () => joinText(plan)))
  return isWhole(plan) ? exitStatus.fine : exitStatus.differs
}

const fates = ['canonical', 'alias', 'conflict'] as const

interface Told {
  readonly service: JsonObject
  readonly address: string
  readonly reason: string
}

const addressesOf = ({ services }: Pick<JoinPlan, 'services'>, fate: (typeof fates)[number]): readonly Told[] =>
  services.flatMap((service) =>
    objectsOf(service.addresses).flatMap((one) =>
      one.fate === fate ? [{ service, address: textOf(one.address), reason: textOf(one.reason) }] : [],
    ),
  )

const isWhole = (plan: JoinPlan): boolean =>
  plan.refused === '' &&
  plan.meshes.every(({ held }) => held !== true) &&
  fates.every((fate) => fate === 'canonical' || addressesOf(plan, fate).length === 0)

async function joinPlan(zone: Api, global: Api): Promise<JoinPlan> {
  const status = await zone.get('/_holdfast/status')
  const name = textOf(status.zone)
  if (status.mode !== 'standalone')
    throw new CliError(
      name === ''
        ? 'this is a global: ask the zone that is to join it, with --url'
        : `zone ${name} has a global already; without --global this command tells what is still open between them`,
    )
  const own = objectsOf(status.blocks).filter((block) => block.zone === name)
  const meshes = (await zone.list('/meshes')).items.map((mesh) => textOf(mesh.name))
  const services = grouped((await zone.list('/_holdfast/vips')).items, name)
  const counts = isObject(status.counts) ? status.counts : {}
  const asked = {
    zone: name,
    storeId: textOf(status.storeId),
    blocks: own.map((block) => textOf(block.cidr)),
    // The one that a zone makes do with gives way to global's of the same name.
    meshes: meshes.filter((mesh) => mesh !== 'default'),
  }
  const ask = (from: number): Promise<JsonObject> =>
    global.post('/_holdfast/federation/plan', { ...asked, services: services.slice(from, from + servicesPerRequest) })
  const first = await ask(0)
  const answers = [first]
  for (let from = servicesPerRequest; from < services.length; from += servicesPerRequest) answers.push(await ask(from))
  return {
    zone: name,
    refused: textOf(first.refused),
    blocks: objectsOf(first.blocks),
    meshes: objectsOf(first.meshes),
    services: answers.flatMap((answer) => objectsOf(answer.services)),
    pending: typeof counts.pendingVips === 'number' ? counts.pendingVips : 0,
  }
}

/** A service with all of its addresses, from a ledger that has a row for each. */
function grouped(ledger: readonly JsonObject[], zone: string): readonly JsonObject[] {
  const found = new Map<string, { readonly service: JsonObject; readonly addresses: string[] }>()
  for (const { kind, mesh, namespace, name, address, scope, state, zone: owner } of ledger) {
    if (scope !== 'canonical' || state !== 'active' || owner !== zone) continue
    const service = { kind, mesh, namespace, name }
    const key = JSON.stringify(service)
    const entry = found.get(key) ?? { service, addresses: [] as string[] }
    entry.addresses.push(textOf(address))
    found.set(key, entry)
  }
  return [...found.values()].map(({ service, addresses }) => ({ ...service, addresses }))
}

function joinText(plan: JoinPlan): string {
  const { zone, refused, blocks, meshes, services, pending } = plan
  const words = (service: JsonObject): string =>
    `${textOf(service.kind)} ${textOf(service.mesh)}/${textOf(service.name)}`
  const named = (title: string, lines: readonly string[]): readonly string[] =>
    lines.length === 0
      ? []
      : [
          `${title}:`,
          ...lines.slice(0, namedMax).map((line) => `  ${line}`),
          ...(lines.length > namedMax ? [`  … and ${lines.length - namedMax} more; all with -o json`] : []),
        ]
  const held = services.filter((service) => service.held === true)
  const lost = blocks.filter(({ confirmed }) => confirmed !== true)
  const alias = addressesOf(plan, 'alias')
  const conflict = addressesOf(plan, 'conflict')
  return [
    refused === '' ? `global would let zone ${zone} in` : `global would not let zone ${zone} in: ${refused}`,
    `services that would join: ${services.length - held.length + pending}${pending === 0 ? '' : `, of which ${pending} ${pending === 1 ? 'has' : 'have'} no address yet`}`,
    `addresses that stay as they are, for everybody: ${addressesOf(plan, 'canonical').length}`,
    ...named(
      'blocks that global cannot confirm',
      lost.map(({ cidr, reason }) => `${textOf(cidr)}: ${textOf(reason)}`),
    ),
    ...named(
      'addresses that would hold in this zone alone; everybody gets others once you say "zone federate --yes" after the join',
      alias.map(({ service, address }) => `${words(service)}: ${address}`),
    ),
    ...named(
      'addresses that global would refuse',
      conflict.map(({ service, address, reason }) => `${words(service)}: ${address}: ${reason}`),
    ),
    ...named(
      `meshes that global does not have; what lives in them is kept and told to nobody until "holdfastctl zone adopt ${zone} --yes" at global makes them there`,
      meshes.flatMap(({ name, held: isHeld }) => {
        const count = held.filter(({ mesh }) => mesh === name).length
        return isHeld === true ? [`${textOf(name)}, with ${count} service${count === 1 ? '' : 's'}`] : []
      }),
    ),
    'nothing was changed, here or there',
    '',
  ].join('\n')
}

/** Of a URL, or of a context of the configuration. */
async function apiOfGlobal({ apiAt, connections }: Context, said: string): Promise<Api> {
  if (isUrl(said)) return apiAt({ name: '', url: said })
  const found = (await connections()).controlPlaneOf(said)
  if (found === undefined) throw usageError(`--global: ${JSON.stringify(said)} is neither a URL nor a context`)
  return apiAt(found)
}

export const zoneFederateCommand = defineCommand<{ readonly yes: boolean; readonly global?: string }>({
  configure: (command) =>
    command
      .option('--global <url|context>', 'HTTP API of the global that it may join: what would become of it there')
      .addOption(yesOption()),
  outputs: plainOutputs,
  examples: [
    [
      'zone federate --global http://global:5681',
      'at a zone that runs by itself: what would become of it there, before it joins',
    ],
    ['zone federate', 'after it has joined: which addresses are leased to others, and what becomes of them'],
  ],
  run: async (context, _, { yes, global }) => {
    const { io, api, output } = context
    if (global === undefined) return zoneFederate(io, await api(), { yes, output })
    if (yes)
      throw usageError('--global only tells: start the zone with --global-address to join, then say --yes without it')
    return zoneJoinPlan(io, await api(), await apiOfGlobal(context, global), output)
  },
})
