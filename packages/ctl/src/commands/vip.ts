import { isIP } from 'node:net'
import { type Api, isObject, type JsonObject, objectsOf, textOf } from '../api.js'
import { defineCommand, plainOutputs } from '../cli/command.js'
import { kindOption, zoneOption } from '../cli/options.js'
import { exitStatus, type Io } from '../io.js'
import { ageText } from '../output/age.js'
import { paint } from '../output/colour.js'
import { formatted, type Output } from '../output/format.js'
import { tableText } from '../output/table.js'

export interface VipOptions {
  /** An address, or a service's display name. */
  readonly subject?: string | undefined
  readonly kind?: string | undefined
  readonly mesh?: string | undefined
  /** A zone's name, or `global`. */
  readonly zone?: string | undefined
  readonly output: Output
}

const query = ({ subject, kind, mesh, zone }: VipOptions): Readonly<Record<string, string | undefined>> => ({
  ...(subject === undefined ? {} : isIP(subject) === 0 ? { name: subject } : { address: subject }),
  kind,
  mesh,
  zone,
})

const path = (base: string, options: VipOptions, more: Readonly<Record<string, string>> = {}): string => {
  const defined = Object.entries({ ...query(options), ...more }).flatMap(([key, value]): [string, string][] =>
    value === undefined ? [] : [[key, value]],
  )
  return `${base}?${new URLSearchParams(defined)}`
}

/** Where an owner lives, for a column. */
const placeOf = (row: JsonObject): string => textOf(row.zone) || 'global'
/** Names in the namespace `default` are not qualified. */
const nameOf = (row: JsonObject): string => {
  const namespace = textOf(row.namespace)
  return namespace === '' || namespace === 'default' ? textOf(row.name) : `${textOf(row.name)} (${namespace})`
}

/** `vip list`: the ledger, every page of it. */
export async function vipList(io: Io, api: Api, options: VipOptions & { readonly deleted: boolean }): Promise<number> {
  const { items } = await api.list('/_holdfast/vips', {
    ...query(options),
    ...(options.deleted ? { deleted: 'true' } : {}),
  })
  io.out.write(
    formatted(options.output, { total: items.length, items }, () =>
      tableText(
        ['ADDRESS', 'KIND', 'MESH', 'ZONE', 'NAME', 'SCOPE', 'STATE', 'GENERATION', 'AGE'],
        items.map((row) => [
          textOf(row.address),
          textOf(row.kind),
          textOf(row.mesh),
          placeOf(row),
          nameOf(row),
          textOf(row.scope),
          textOf(row.state),
          String(row.generation),
          ageText(row.allocatedAt, io.nowMs()),
        ]),
      ),
    ),
  )
  return exitStatus.fine
}

/** `vip explain ADDRESS|NAME`: who has it and why. Exit status 1 if nobody does. */
export async function vipExplain(io: Io, api: Api, options: VipOptions): Promise<number> {
  const body = await api.tell(path('/_holdfast/vips/explain', options), 'matches')
  const matches = objectsOf(body.matches)
  io.out.write(formatted(options.output, body, () => explainText(body, matches)))
  return matches.length === 0 ? exitStatus.failed : exitStatus.fine
}

function explainText(body: JsonObject, matches: readonly JsonObject[]): string {
  if (matches.length === 0) return `${linesOf(body.because).join('\n')}\n`
  return matches
    .map((match) => {
      const owner = isObject(match.owner) ? match.owner : {}
      const service = isObject(match.service)
        ? `stored here as ${textOf(match.service.name)}`
        : 'no such service here now'
      return [
        `${textOf(owner.kind)} ${nameOf(owner)}, mesh ${textOf(owner.mesh)}, zone ${placeOf(owner)}: ${textOf(match.state)}, ${service}`,
        ...linesOf(match.because).map((line) => `  ${line}`),
        ...objectsOf(match.history).map((event) => `  ${eventLine(event)}`),
      ].join('\n')
    })
    .join('\n\n')
    .concat('\n')
}

const linesOf = (value: unknown): readonly string[] => (Array.isArray(value) ? value.map(String) : [])

const eventLine = (event: JsonObject): string =>
  [textOf(event.at), textOf(event.event), textOf(event.address), textOf(event.why)]
    .filter((part) => part !== '')
    .join('  ')

/** `vip history [ADDRESS|NAME]`: what happened to it, newest first. */
export async function vipHistory(io: Io, api: Api, options: VipOptions): Promise<number> {
  const items = objectsOf((await api.tell(path('/_holdfast/vips/history', options, { size: '1000' }), 'items')).items)
  io.out.write(
    formatted(options.output, { items }, () =>
      tableText(
        ['TIME', 'EVENT', 'ADDRESS', 'KIND', 'MESH', 'ZONE', 'NAME', 'GENERATION', 'WHY'],
        items.map((row) => [
          textOf(row.at),
          textOf(row.event),
          textOf(row.address),
          textOf(row.kind),
          textOf(row.mesh),
          placeOf(row),
          nameOf(row),
          String(row.generation),
          textOf(row.why),
        ]),
      ),
    ),
  )
  return exitStatus.fine
}

/**
 * `vip verify`: ledger, API and every zone. Exit status 1 if any two disagree: that is no difference to look at but the
 * promise broken. 3 if all agree who could be asked, but not everyone could: a mesh that cannot be seen is not healthy.
 */
export async function vipVerify(io: Io, api: Api, options: { readonly output: Output }): Promise<number> {
  const body = await api.tell('/_holdfast/vips/verify', 'checked')
  io.out.write(formatted(options.output, body, () => verifyText(io, body)))
  if (body.agree !== true) return exitStatus.failed
  return body.complete === true ? exitStatus.fine : exitStatus.differs
}

function verifyText(io: Io, body: JsonObject): string {
  const checked = objectsOf(body.checked)
  const found = objectsOf(body.disagreements)
  const unasked = checked.filter((each) => each.result !== 'verified').length
  const verdict =
    found.length > 0
      ? paint(io, 'bad', `${found.length} disagreement${found.length === 1 ? '' : 's'}`)
      : unasked > 0
        ? paint(io, 'doubtful', `no disagreement, but ${unasked} of ${checked.length} could not be asked`)
        : paint(io, 'good', 'all agree')
  return [
    tableText(
      ['CONTROL PLANE', 'RESULT', 'SERVICES', 'REASON'],
      checked.map((each) => [
        textOf(each.controlPlane),
        textOf(each.result),
        each.services === undefined ? '' : String(each.services),
        textOf(each.reason),
      ]),
    ),
    ...found.map((each) => disagreementText(each)),
    `${verdict}: ${textOf(body.scope)}\n`,
    ...(found.length === 0
      ? []
      : [
          "next: 'holdfastctl vip explain NAME' and 'holdfastctl sync diff ZONE' tell what each of them has, and why; 'holdfastctl vip rebuild' what a ledger would get back that lacks something\n",
        ]),
  ].join('\n')
}

const disagreementText = (each: JsonObject): string =>
  [
    textOf(each.problem),
    ...objectsOf(each.claims).map(({ source, addresses }) => {
      const told = !Array.isArray(addresses)
        ? 'does not know it'
        : addresses.length === 0
          ? 'none'
          : addresses.join(', ')
      return `  ${textOf(source)}: ${told}`
    }),
    '',
  ].join('\n')

interface Narrow {
  readonly kind?: string
  readonly zone?: string
}

export const vipListCommand = defineCommand<Narrow & { readonly deleted: boolean }>({
  configure: (command) =>
    command
      .addOption(kindOption())
      .addOption(zoneOption())
      .option('--deleted', 'those whose owner was deleted as well', false),
  outputs: plainOutputs,
  examples: [
    ['vip list', 'who has which address, in every mesh'],
    ['vip list --zone east --kind MeshService', 'of one zone and kind'],
  ],
  run: async ({ io, api, output, meshIfSaid: mesh }, _, options) =>
    vipList(io, await api(), { ...options, mesh, output }),
})

export const vipExplainCommand = defineCommand<Narrow>({
  configure: (command) =>
    command
      .argument('<subject>', 'an address, or a service by display name')
      .addOption(kindOption())
      .addOption(zoneOption()),
  completes: ['service'],
  outputs: plainOutputs,
  examples: [
    ['vip explain 241.16.0.1', 'whose it is, and why'],
    ['vip explain web', 'why the service has its address, or none'],
  ],
  run: async ({ io, api, output, meshIfSaid: mesh }, [subject], options) =>
    vipExplain(io, await api(), { ...options, subject, mesh, output }),
})

export const vipHistoryCommand = defineCommand<Narrow>({
  configure: (command) =>
    command
      .argument('[subject]', 'an address, or a service by display name')
      .addOption(kindOption())
      .addOption(zoneOption()),
  completes: ['service'],
  outputs: plainOutputs,
  examples: [['vip history web', 'what happened to its address, newest first']],
  run: async ({ io, api, output, meshIfSaid: mesh }, [subject], options) =>
    vipHistory(io, await api(), { ...options, subject, mesh, output }),
})

export const vipVerifyCommand = defineCommand({
  outputs: plainOutputs,
  more: 'Exit status 3 if any two disagree, or if not everybody could be asked.',
  examples: [['vip verify', 'whether ledger, API and every zone agree']],
  run: async ({ io, api, output }) => vipVerify(io, await api(), { output }),
})
