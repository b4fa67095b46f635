import { type Api, ApiFailure, isObject, type JsonObject, objectOf, objectsOf, textOf } from '../api.js'
import { type Context, defineCommand, plainOutputs } from '../cli/command.js'
import { CliError, exitStatus } from '../io.js'
import { ageText } from '../output/age.js'
import { paint } from '../output/colour.js'
import { formatted } from '../output/format.js'
import { tableText } from '../output/table.js'
import { brakeText } from './brakes.js'

export const noSuchZone = ({ url }: Api, name: string): CliError =>
  new CliError(`there is no zone ${JSON.stringify(name)} at ${url}; see those there are with 'holdfastctl zone list'`)

/** `zone describe ZONE`: all that global knows of one zone, on one page. Exit status 3 unless it is connected and in step. */
async function describe({ io, api, output }: Context, name: string): Promise<number> {
  const asked = await api()
  const path = encodeURIComponent(name)
  const zone = await asked.find(`/zones/${path}/_overview`)
  const [sync, names, blocks, holds, services] = await Promise.all([
    asked.tell('/_holdfast/sync', 'peers'),
    asked.tell('/_holdfast/zones', 'items'),
    asked.tell('/_holdfast/vips/blocks', 'items'),
    asked.tell('/_holdfast/holds', 'items'),
    countOf(asked, '/meshservices', name),
  ])
  const peer = objectsOf(sync.peers).find((each) => each.peer === name)
  const owner = objectsOf(names.items).find((each) => each.name === name)
  if (zone === undefined && peer === undefined && owner === undefined) throw noSuchZone(asked, name)
  const dns = await asked.get(`/_holdfast/dns?${new URLSearchParams({ zone: name })}`).catch(orUnknown)
  const body = {
    zone: zone ?? null,
    name: owner ?? null,
    sync: peer ?? null,
    blocks: objectsOf(blocks.items).filter((block) => block.zone === name),
    holds: objectsOf(holds.items).filter((hold) => hold.zone === name),
    meshServices: services,
    dns: dns ?? null,
  }
  io.out.write(formatted(output, body, () => text(io, name, body)))
  const channels = objectsOf(peer?.channels)
  const healthy = peer?.connected === true && channels.length > 0 && channels.every((each) => each.inStep === true)
  return healthy && body.holds.length === 0 ? exitStatus.fine : exitStatus.differs
}

/** A zone that is away, or has no DNS, cannot be asked: the rest of the page is all the more needed. */
const orUnknown = (error: unknown): undefined => {
  if (error instanceof ApiFailure) return undefined
  throw error
}

async function countOf(api: Api, path: string, zone: string): Promise<number> {
  const { total } = await api.get(`${path}?${new URLSearchParams({ 'filter[labels.kuma.io/zone]': zone, size: '1' })}`)
  return Number(total ?? 0)
}

function text(
  io: Context['io'],
  name: string,
  body: {
    readonly zone: JsonObject | null
    readonly name: JsonObject | null
    readonly sync: JsonObject | null
    readonly blocks: readonly JsonObject[]
    readonly holds: readonly JsonObject[]
    readonly meshServices: number
    readonly dns: JsonObject | null
  },
): string {
  const { sync, name: owner, zone, dns } = body
  const since = ageText(sync?.since, io.nowMs())
  const subscription = objectsOf(objectOf(zone?.zoneInsight).subscriptions).at(-1) ?? {}
  const rows: [string, string][] = [
    [
      'connected',
      sync?.connected === true
        ? paint(io, 'good', `for ${since}`)
        : paint(io, 'bad', `no${since === 'never' ? '' : `, since ${since}`}`),
    ],
    [
      'enabled',
      objectOf(zone?.zone).enabled === false ? paint(io, 'doubtful', 'no') : zone === null ? 'no Zone resource' : 'yes',
    ],
    ...(isObject(sync?.paused)
      ? [['paused', paint(io, 'doubtful', brakeText(sync.paused, io.nowMs()))] as [string, string]]
      : []),
    ['speaks', sync?.kuma === true ? 'Kuma' : 'Holdfast'],
    ['version', textOf(objectOf(objectOf(subscription.version).kumaCp).version)],
    ['address', textOf(owner?.address)],
    ['store', textOf(owner?.storeId)],
    ['asked for by', textOf(objectOf(owner?.claimant).storeId) || 'nobody else'],
    ['services', String(body.meshServices)],
    ['refused here', String(sync?.refused ?? 0)],
    ['refused there', String(sync?.refusedByPeer ?? 0)],
    ['held', String(Number(sync?.held ?? 0) + Number(sync?.heldByPeer ?? 0))],
    [
      'names',
      dns === null
        ? 'not asked'
        : dns.enabled === true
          ? `${String(dns.hostnames)} answered, ${String(dns.unserved)} not`
          : 'none answered',
    ],
    ['last error', textOf(sync?.lastError) || 'none'],
  ]
  const channels = objectsOf(sync?.channels)
  return [
    `zone ${name}\n`,
    rows.map(([key, value]) => `  ${key.padEnd(13)} ${value}\n`).join(''),
    channels.length === 0
      ? ''
      : `\n${tableText(
          ['DIRECTION', 'PHASE', 'IN STEP', 'REVISION', 'LAG', 'PROVEN', 'LAST ERROR'],
          channels.map((each) => [
            textOf(each.channel),
            textOf(each.phase),
            each.inStep === true ? 'yes' : 'no',
            String(objectOf(each.cursor).revision ?? ''),
            typeof each.lagSeconds === 'number' ? `${each.lagSeconds}s` : '',
            ageText(each.provenEqualAt, io.nowMs()),
            textOf(each.lastError),
          ]),
        )}`,
    body.blocks.length === 0
      ? '\nno VIP blocks are leased to it\n'
      : `\n${tableText(
          ['BLOCK', 'KIND', 'USED', 'GENERATION'],
          body.blocks.map((block) => [
            textOf(block.cidr),
            textOf(block.kind),
            String(block.used),
            String(block.generation),
          ]),
        )}`,
    body.holds.length === 0
      ? ''
      : `\n${tableText(
          ['HOLD', 'TYPE', 'RESOURCES', 'REASON'],
          body.holds.map((hold) => [textOf(hold.id), textOf(hold.type), String(hold.resources), textOf(hold.reason)]),
        )}`,
  ].join('')
}

export const zoneDescribeCommand = defineCommand({
  configure: (command) => command.argument('<zone>'),
  completes: ['zone'],
  outputs: plainOutputs,
  more: 'Exit status 3 unless it is connected, in step, and nothing of it is held.',
  examples: [['zone describe east', 'all that global knows of it']],
  run: (context, [name = '']) => describe(context, name),
})
