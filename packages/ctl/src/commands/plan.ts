import { allTypes, shownVips } from '@holdfast/model'
import { type Api, type JsonObject, objectsOf, textOf } from '../api.js'
import { asOwn, changeOf, keyOf } from '../changes/change.js'
import { currentOf } from '../changes/current.js'
import { dryRun } from '../changes/dry-run.js'
import { withPlaces } from '../changes/placed-failure.js'
import { type Standing, standingOf } from '../changes/standing.js'
import { type Effect, effectsOf, type Named, type Place, placeOf, type Step } from '../changes/zones.js'
import { type Context, defineCommand, plainOutputs } from '../cli/command.js'
import { fileOption, selectorOption } from '../cli/options.js'
import { readInput } from '../input/input.js'
import { exitStatus, type Io, usageError } from '../io.js'
import { paint } from '../output/colour.js'
import { formatted } from '../output/format.js'
import { varOption } from './apply.js'
import type { DiffOptions } from './diff.js'
import { prunable } from './prune.js'

/** `plan -f`: what would change in every zone, addresses and names included, before it happens. Changes nothing. */
async function plan(context: Context, options: DiffOptions): Promise<number> {
  const { io, output } = context
  if (options.prune !== (options.selector !== undefined)) throw usageError('--prune and --selector go together')
  const resources = await readInput(context, options)
  const api = await context.api()
  const standing = await standingOf(api)
  const current = await currentOf(api, resources)
  const changes = resources.map((each) =>
    changeOf(each, current.get(keyOf(each.type, textOf(each.object.mesh), textOf(each.object.name))), standing),
  )
  const doomed = options.prune ? await prunable(api, resources, standing, options) : []
  const steps: Step[] = [
    ...changes.flatMap(({ outcome, ...change }): Step[] => (outcome === 'unchanged' ? [] : [{ ...change, outcome }])),
    ...doomed.map(
      ({ type, item }): Step => ({
        type,
        mesh: textOf(item.mesh),
        name: textOf(item.name),
        outcome: 'deleted',
        before: item,
        after: undefined,
      }),
    ),
  ]
  const said =
    standing.isHoldfast && steps.length > 0
      ? await dryRun(
          api,
          resources.map((each) => asOwn(each, standing)),
        ).catch((error: unknown) => {
          throw withPlaces(error, resources)
        })
      : undefined
  const vips = new Map(
    (said ?? []).map((result) => [`${textOf(result.type)}/${textOf(result.mesh)}/${textOf(result.name)}`, result]),
  )
  const places = await placesOf(api, standing)
  const effects = effectsOf(steps, await namedBy(api, steps), places, standing)
  const body = {
    unchanged: changes.length - (steps.length - doomed.length),
    changes: steps.map((step) => ({ ...idOf(step), outcome: step.outcome, ...vipOf(step, vips) })),
    zones: effects.map((effect) => ({
      zone: effect.place.name === '' ? 'global' : effect.place.name,
      connected: effect.place.connected,
      enabled: effect.place.enabled,
      changes: effect.steps.map((step) => ({ ...idOf(step), outcome: step.outcome })),
      namesAdded: effect.namesAdded,
      namesRemoved: effect.namesRemoved,
      namesMoved: effect.namesMoved,
    })),
  }
  io.out.write(formatted(output, body, () => planText(io, { steps, unchanged: body.unchanged, effects, vips })))
  return steps.length === 0 ? exitStatus.fine : exitStatus.differs
}

const idOf = ({ type, mesh, name }: Step) => ({ type: type.name, ...(mesh === '' ? {} : { mesh }), name })

type Results = ReadonlyMap<string, JsonObject>

/** What becomes of a service's addresses. */
function vipOf(
  { type, mesh, name, outcome, before }: Step,
  results: Results,
): { readonly vips?: readonly string[]; readonly vip?: string } {
  if (!type.vipKind) return {}
  const now = before === undefined ? [] : shownVips(before)
  if (outcome === 'deleted') return { vips: now, vip: now.length === 0 ? '' : `${now.join(', ')} rests in quarantine` }
  if (now.length > 0) return { vips: now, vip: `${now.join(', ')} stays` }
  const result = results.get(`${type.name}/${mesh}/${name}`)
  const then = Array.isArray(result?.vips) ? result.vips.map(String) : []
  if (then.length > 0) return { vips: then, vip: `gets ${then.join(', ')}` }
  const pending = textOf(result?.pending)
  return { vip: pending === '' ? 'gets an address when it is applied' : `no address yet: ${pending}` }
}

/** Everybody whom a change can reach, as far as this control plane knows: a zone knows itself and global. */
async function placesOf(api: Api, standing: Standing): Promise<readonly Place[]> {
  const here: Place = { name: standing.zone, connected: true, enabled: true }
  if (standing.mode === 'standalone') return [here]
  if (standing.mode === 'federated') {
    const peers = standing.isHoldfast ? objectsOf((await api.get('/_holdfast/sync')).peers) : []
    const global = peers.find(({ peer }) => peer === 'global')
    return [here, { name: '', connected: standing.isHoldfast ? global?.connected === true : true, enabled: true }]
  }
  const { items } = await api.list('/zones/_overview')
  const live = new Set(
    standing.isHoldfast
      ? objectsOf((await api.get('/_holdfast/sync')).peers).flatMap(({ peer, connected }) =>
          connected === true ? [peer] : [],
        )
      : items.flatMap(({ name, zoneInsight }) => (isOnline(zoneInsight) ? [name] : [])),
  )
  return [here, ...items.map((zone) => placeOf(zone, live.has(zone.name)))]
}

const isOnline = (insight: unknown): boolean =>
  objectsOf((insight as JsonObject | undefined)?.subscriptions).some(
    (each) => each.connectTime !== undefined && each.disconnectTime === undefined,
  )

/** Names depend on every service of a kind: only where one of them, or a generator, changes. */
async function namedBy(api: Api, steps: readonly Step[]): Promise<Named> {
  if (!steps.some(({ type }) => type.vipKind || type.name === 'HostnameGenerator' || type.name === 'Zone'))
    return { services: [], generators: [] }
  const services: JsonObject[] = []
  for (const type of allTypes)
    if (type.vipKind && type.path !== undefined) services.push(...(await api.list(`/${type.path}`)).items)
  const { items: generators } = await api.list('/hostnamegenerators')
  return { services, generators }
}

const marks = { created: '+', updated: '~', deleted: '-' } as const
const moods = { created: 'good', updated: 'doubtful', deleted: 'bad' } as const
const namesShown = 5

function planText(
  io: Io,
  {
    steps,
    unchanged,
    effects,
    vips,
  }: {
    readonly steps: readonly Step[]
    readonly unchanged: number
    readonly effects: readonly Effect[]
    readonly vips: Results
  },
): string {
  if (steps.length === 0) return `nothing would change: all ${unchanged} are as the files say\n`
  const lines = steps.map((step) => {
    const { vip = '' } = vipOf(step, vips)
    return `  ${stepText(io, step)}${vip === '' ? '' : `: ${vip}`}\n`
  })
  const groups = new Map<string, Effect[]>()
  for (const effect of effects) {
    const text = effectText(io, effect, steps.length)
    groups.set(text, [...(groups.get(text) ?? []), effect])
  }
  return [
    `${steps.length} would change, ${unchanged} would not:\n`,
    ...lines,
    ...[...groups].map(
      ([text, same]) =>
        `\n${same.map(({ place }) => (place.name === '' ? 'global' : `zone ${place.name}`)).join(', ')}: ${text}`,
    ),
    '\nnothing was changed; apply does it\n',
  ].join('')
}

function stepText(io: Io, { type, mesh, name, outcome }: Step): string {
  const where = mesh === '' ? '' : ` in mesh ${JSON.stringify(mesh)}`
  return `${paint(io, moods[outcome], marks[outcome])} ${type.name} ${JSON.stringify(name)}${where}`
}

function effectText(io: Io, { place, steps, namesAdded, namesRemoved, namesMoved }: Effect, all: number): string {
  const when = place.connected ? 'at once' : 'not connected, when it is back'
  const names = [
    ...nameLines(io, '+', namesAdded),
    ...nameLines(io, '-', namesRemoved),
    ...nameLines(
      io,
      '~',
      namesMoved.map((name) => `${name}, of another service from then on`),
    ),
  ]
  const what =
    steps.length === 0
      ? ['  nothing of it']
      : steps.length === all
        ? [all === 1 ? '  the change' : `  all ${all} changes`]
        : steps.map((step) => `  ${stepText(io, step)}`)
  return `${when}\n${[...what, ...names].join('\n')}\n`
}

const nameLines = (io: Io, mark: '+' | '-' | '~', names: readonly string[]): readonly string[] =>
  names.length === 0
    ? []
    : [
        ...names
          .slice(0, namesShown)
          .map(
            (name) => `  ${paint(io, mark === '+' ? 'good' : mark === '-' ? 'bad' : 'doubtful', mark)} name ${name}`,
          ),
        ...(names.length > namesShown ? [`  ${mark} … and ${names.length - namesShown} more names`] : []),
      ]

export const planCommand = defineCommand<DiffOptions>({
  configure: (command) =>
    command
      .addOption(fileOption())
      .addOption(varOption())
      .option('--prune', 'also what apply --prune would delete', false)
      .addOption(selectorOption()),
  outputs: plainOutputs,
  more: `Changes nothing. At global it tells for every zone what it will be told and which names it answers then; a zone knows itself and
global. Exit status 0 where nothing would change, 3 where something would.`,
  examples: [
    ['plan -f shop/', 'what applying the folder changes in every zone, addresses and names included'],
    ['plan -f shop/ -o json', 'for a pipeline'],
  ],
  run: (context, _, options) => plan(context, options),
})
