import { textOf } from '../api.js'
import { type Change, changeOf, keyOf } from '../changes/change.js'
import { currentOf } from '../changes/current.js'
import { standingOf } from '../changes/standing.js'
import { type Context, defineCommand, plainOutputs } from '../cli/command.js'
import { fileOption, selectorOption } from '../cli/options.js'
import { type InputOptions, readInput } from '../input/input.js'
import { exitStatus, usageError } from '../io.js'
import { formatted } from '../output/format.js'
import { varOption } from './apply.js'
import { prunable } from './prune.js'

export interface DiffOptions extends InputOptions {
  readonly prune: boolean
  readonly selector?: string | undefined
}

/** `diff -f`: what the files would change, as a unified diff of YAML. Exit status 3 where they would. */
async function diff(context: Context, options: DiffOptions): Promise<number> {
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
  const { resourceDiff } = await import('../output/diff.js')
  const text = [
    ...changes
      .filter(({ outcome }) => outcome !== 'unchanged')
      .map((each) => resourceDiff(io, titleOf(each), each.before, each.after)),
    ...doomed.map(({ type, item }) =>
      resourceDiff(io, titleOf({ type, mesh: textOf(item.mesh), name: textOf(item.name) }), item, undefined),
    ),
  ].join('')
  const results = [
    ...changes.map((each) => ({ ...idOf(each), outcome: each.outcome })),
    ...doomed.map(({ type, item }) => ({
      ...idOf({ type, mesh: textOf(item.mesh), name: textOf(item.name) }),
      outcome: 'deleted',
    })),
  ]
  io.out.write(formatted(output, { results, diff: text }, () => text))
  return results.every(({ outcome }) => outcome === 'unchanged') ? exitStatus.fine : exitStatus.differs
}

type Identity = Pick<Change, 'type' | 'mesh' | 'name'>
const titleOf = ({ type, mesh, name }: Identity): string => [type.name, ...(mesh === '' ? [] : [mesh]), name].join('/')
const idOf = ({ type, mesh, name }: Identity) => ({ type: type.name, ...(mesh === '' ? {} : { mesh }), name })

export const diffCommand = defineCommand<DiffOptions>({
  configure: (command) =>
    command
      .addOption(fileOption())
      .addOption(varOption())
      .option('--prune', 'also what apply --prune would delete', false)
      .addOption(selectorOption()),
  outputs: plainOutputs,
  more: 'Exit status 0 where applying would change nothing, 3 where it would.',
  examples: [
    ['diff -f shop/', 'what applying the folder would change'],
    ['diff -f shop/ --prune -l team=shop', 'and what would be deleted'],
  ],
  run: (context, _, options) => diff(context, options),
})
