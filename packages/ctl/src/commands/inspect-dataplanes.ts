import { Option } from 'commander'
import { type Api, ApiFailure, type JsonObject, objectOf, objectsOf, textOf } from '../api.js'
import { type Context, defineCommand } from '../cli/command.js'
import { allMeshesOption, repeated, zoneOption } from '../cli/options.js'
import { exitStatus } from '../io.js'
import { ageText } from '../output/age.js'
import { type Column, columnsOf } from '../output/columns.js'
import { jsonText, yamlText } from '../output/format.js'
import { displayNameOf, zoneOf } from '../output/services.js'
import { tableText } from '../output/table.js'
import { typeOfArgument } from './types.js'

interface Options {
  readonly allMeshes: boolean
  readonly tag?: readonly string[]
  readonly gateway: boolean
  readonly ingress: boolean
}

const insightOf = (item: JsonObject): JsonObject => objectOf(item.dataplaneInsight)
const subscriptionsOf = (item: JsonObject): readonly JsonObject[] => objectsOf(insightOf(item).subscriptions)
const lastOf = (item: JsonObject): JsonObject => subscriptionsOf(item).at(-1) ?? {}
const sumOf = (item: JsonObject, counter: string): string =>
  String(
    subscriptionsOf(item).reduce((sum, each) => sum + Number(objectOf(objectOf(each.status).total)[counter] ?? 0), 0),
  )
const timeText = (value: unknown): string => (textOf(value) === '' ? '-' : textOf(value).slice(0, 19).replace('T', ' '))

const statusOf = (item: JsonObject): string => {
  const online = subscriptionsOf(item).some(
    (each) => each.connectTime !== undefined && each.disconnectTime === undefined,
  )
  const states = objectsOf(objectOf(objectOf(item.dataplane).networking).inbound).map(
    ({ state }) => textOf(state) || 'Ready',
  )
  if (!online) return 'Offline'
  const ready = states.filter((state) => state === 'Ready').length
  return ready === states.length ? 'Online' : ready === 0 ? 'Offline' : 'Partially degraded'
}

/** A Dataplane's own columns look at its fields, which an overview has one level deeper. */
const ofDataplane = (header: string): Column => {
  const column = columnsOf(typeOfArgument('dataplane')).find((each) => each.header === header)
  return { header, value: (item, nowMs) => column?.value({ ...item, ...objectOf(item.dataplane) }, nowMs) ?? '' }
}
const mtls = (item: JsonObject): JsonObject => objectOf(insightOf(item).mTLS)
const wide = (header: string, value: Column['value']): Column => ({ header, value, isWide: true })

const columns: readonly Column[] = [
  { header: 'MESH', value: (item) => textOf(item.mesh) },
  { header: 'NAME', value: displayNameOf },
  { header: 'ZONE', value: zoneOf },
  ofDataplane('ADDRESS'),
  { header: 'STATUS', value: statusOf },
  { header: 'LAST CONNECTED AGO', value: (item, nowMs) => ageText(lastOf(item).connectTime, nowMs) },
  { header: 'LAST UPDATED AGO', value: (item, nowMs) => ageText(objectOf(lastOf(item).status).lastUpdateTime, nowMs) },
  { header: 'TOTAL UPDATES', value: (item) => sumOf(item, 'responsesSent') },
  { header: 'TOTAL ERRORS', value: (item) => sumOf(item, 'responsesRejected') },
  { header: 'KUMA-DP VERSION', value: (item) => textOf(objectOf(objectOf(lastOf(item).version).kumaDp).version) },
  { header: 'ENVOY VERSION', value: (item) => textOf(objectOf(objectOf(lastOf(item).version).envoy).version) },
  { ...ofDataplane('TAGS'), isWide: true },
  wide('CERT REGENERATED AGO', (item, nowMs) => ageText(mtls(item).lastCertificateRegeneration, nowMs)),
  wide('CERT EXPIRATION', (item) => timeText(mtls(item).certificateExpirationTime)),
  wide('CERT REGENERATIONS', (item) => String(mtls(item).certificateRegenerations ?? 0)),
  wide('CERT BACKEND', (item) => textOf(mtls(item).issuedBackend) || '-'),
]

async function inspect({ io, api, mesh, format }: Context, o: Options): Promise<number> {
  const query = new URLSearchParams([
    ...(o.tag ?? []).map((tag): [string, string] => ['tag', tag.replace('=', ':')]),
    ...(o.gateway ? [['gateway', 'true'] as [string, string]] : []),
    ...(o.ingress ? [['ingress', 'true'] as [string, string]] : []),
  ])
  const base = o.allMeshes ? '/dataplanes/_overview' : `/meshes/${encodeURIComponent(mesh)}/dataplanes/_overview`
  // `tag` may be there several times, which a plain query cannot say.
  const { items } = await (await api()).list(query.size === 0 ? base : `${base}?${query}`)
  const body = { total: items.length, items, next: null }
  const shown = columns.filter((column) => column.isWide !== true || format === 'wide')
  io.out.write(
    format === 'json'
      ? jsonText(body)
      : format === 'yaml'
        ? yamlText(body)
        : tableText(
            shown.map(({ header }) => header),
            items.map((item) => shown.map(({ value }) => value(item, io.nowMs()))),
          ),
  )
  return exitStatus.fine
}

export const inspectDataplanesCommand = defineCommand<Options>({
  configure: (command) =>
    command
      .addOption(allMeshesOption())
      .addOption(repeated('--tag <name=value>', 'only those with this tag; may be given several times'))
      .option('--gateway', 'gateways only', false)
      .option('--ingress', 'accepted for kumactl; ignored, as Kuma ignores it', false),
  outputs: ['table', 'wide', 'yaml', 'json'],
  examples: [
    ['inspect dataplanes', 'which are online, and since when'],
    ['inspect dataplanes -A --tag kuma.io/service=web -o wide', 'of one service, in every mesh, with certificates'],
  ],
  run: (context, _, options) => inspect(context, options),
})

const kinds = ['policies', 'rules', 'config-dump', 'stats', 'clusters', 'config'] as const

interface OneOptions {
  readonly type: (typeof kinds)[number]
  readonly includeEds: boolean
  readonly shadow: boolean
  readonly include?: string
  readonly zone?: string
}

/** `inspect dataplane NAME`: which policies it gets, what they come to, or what its proxy says of itself. */
async function inspectOne({ io, api, mesh, output }: Context, name: string, o: OneOptions): Promise<number> {
  const asked = await api()
  const { resolve } = await import('./resolve.js')
  const item = await resolve(asked, { type: typeOfArgument('dataplane'), name, mesh, zone: o.zone })
  const base = `/meshes/${encodeURIComponent(mesh)}/dataplanes/${encodeURIComponent(textOf(item.name))}`
  const print = (body: JsonObject, table: (body: JsonObject) => string) => {
    io.out.write(output === 'json' ? jsonText(body) : output === 'yaml' ? yamlText(body) : table(body))
    return exitStatus.fine
  }
  if (o.type === 'policies')
    return print(await policiesOf(asked, base), (body) => tableText(['TYPE', 'NAME', 'OF'], policyRows(body)))
  if (o.type === 'rules') {
    const { ruleRows } = await import('../output/rules.js')
    return print(await asked.get(`${base}/_rules`), (body) =>
      tableText(['OF', 'TYPE', 'SAYS', 'POLICIES'], ruleRows(body)),
    )
  }
  const path =
    o.type === 'config-dump'
      ? `/xds${o.includeEds ? '?include_eds=true' : ''}`
      : o.type === 'config'
        ? `/_config?${new URLSearchParams({ ...(o.shadow ? { shadow: 'true' } : {}), ...(o.include === undefined ? {} : { include: o.include }) })}`
        : `/${o.type}`
  const text = await (await asked.open('GET', `${base}${path}`, { headers: { accept: '*/*' } })).text()
  io.out.write(text.endsWith('\n') ? text : `${text}\n`)
  return exitStatus.fine
}

/** Kuma 2.14 lists all policies of a proxy; a later one has another list, with identifiers instead of names. */
async function policiesOf(api: Api, base: string): Promise<JsonObject> {
  try {
    return await api.get(`${base}/policies`)
  } catch (error) {
    if (!(error instanceof ApiFailure) || !error.noSuchPath) throw error
    return api.get(`${base}/_policies`)
  }
}

const policyRows = (body: JsonObject): readonly (readonly string[])[] => [
  ...objectsOf(body.items).flatMap((item) =>
    Object.entries(objectOf(item.matchedPolicies)).flatMap(([type, policies]) =>
      objectsOf(policies).map((each) => [
        type,
        displayNameOf(each),
        `${textOf(item.type)} ${textOf(item.name)}`.trim(),
      ]),
    ),
  ),
  ...objectsOf(body.policies).map((each) => [
    textOf(each.kind),
    objectsOf(each.origins)
      .map(({ kri }) => textOf(kri))
      .join(', '),
    'dataplane',
  ]),
]

export const inspectDataplaneCommand = defineCommand<OneOptions>({
  configure: (command) =>
    command
      .argument('<name>')
      .addOption(zoneOption())
      .addOption(new Option('--type <type>', 'what to show').choices(kinds).default('policies'))
      .option('--include-eds', 'endpoints as well, in a config-dump', false)
      .option('--shadow', 'the configuration that shadow policies would make', false)
      .option('--include <part>', 'diff: how the two differ'),
  outputs: ['table', 'yaml', 'json'],
  examples: [
    ['inspect dataplane web-1', 'which policies it gets'],
    ['inspect dataplane web-1 --type rules', 'what they come to, for each inbound and each destination'],
    ['inspect dataplane web-1 --type clusters', 'what its proxy says of its clusters'],
  ],
  run: (context, [name = ''], options) => inspectOne(context, name, options),
})

/** `inspect TYPE NAME` of a policy: whom it concerns. */
export const inspectPolicyCommand = defineCommand<{
  readonly newApi: boolean
  readonly offset?: string
  readonly zone?: string
}>({
  configure: (command) =>
    command
      .argument('<type>', 'of a policy, for example meshtimeout')
      .argument('<name>')
      .addOption(zoneOption())
      .option('--new-api', 'accepted for kumactl: it is what is asked anyway', false)
      .option('--offset <position>', 'where a page begins'),
  completes: ['type', 'name'],
  outputs: ['table', 'yaml', 'json'],
  examples: [['inspect meshtimeout web', 'which Dataplanes a policy concerns']],
  run: async ({ io, api, mesh, output }, [word = '', name = ''], { offset, zone }) => {
    const type = typeOfArgument(word)
    const asked = await api()
    const { itemPath, resolve } = await import('./resolve.js')
    const item = await resolve(asked, { type, name, mesh, zone })
    const path = `${itemPath({ type, mesh }, textOf(item.name))}/_resources/dataplanes`
    const { items } = await asked.list(path, { offset })
    const body = { total: items.length, items, next: null }
    io.out.write(
      output === 'json'
        ? jsonText(body)
        : output === 'yaml'
          ? yamlText(body)
          : tableText(
              ['TYPE', 'MESH', 'NAME', 'ZONE'],
              items.map((each) => [textOf(each.type), textOf(each.mesh), displayNameOf(each), zoneOf(each)]),
            ),
    )
    return exitStatus.fine
  },
})
