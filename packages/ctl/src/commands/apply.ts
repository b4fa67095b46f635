import { InvalidArgumentError, Option } from 'commander'
import { type Api, type JsonObject, objectsOf, textOf } from '../api.js'
import { asOwn, isForeign, keyOf, sameAsShown } from '../changes/change.js'
import { currentOf } from '../changes/current.js'
import { dryRun } from '../changes/dry-run.js'
import { withPlaces } from '../changes/placed-failure.js'
import { type Standing, standingOf } from '../changes/standing.js'
import { type Context, defineCommand, plainOutputs } from '../cli/command.js'
import { fileOption, repeated, selectorOption } from '../cli/options.js'
import { type InputOptions, readInput } from '../input/input.js'
import type { InputResource } from '../input/resources.js'
import { CliError, exitStatus, type Io, usageError } from '../io.js'
import { formatted, type Output } from '../output/format.js'
import { prunable, pruned } from './prune.js'

export interface ApplyOptions extends InputOptions {
  readonly dryRun?: 'client' | 'server' | undefined
  /** Resources of one transaction each; undefined: all are one. */
  readonly batch?: number | undefined
  readonly prune: boolean
  readonly selector?: string | undefined
  readonly pruneType?: readonly string[] | undefined
}

/**
 * `apply -f`: everything is read and checked, in dependency order, and sent in one request: all of it is applied or
 * nothing. One line per resource tells what became of it.
 */
async function apply(context: Context, options: ApplyOptions): Promise<number> {
  const { io, output } = context
  if (options.prune && options.selector === undefined)
    throw usageError('--prune needs --selector: it deletes what has these labels and is not in the files')
  if (!options.prune && options.selector !== undefined) throw usageError('--selector is for --prune only')
  const all = await readInput(context, options)
  if (all.length === 0) io.err.write('the list is empty: there is nothing to apply\n')
  if (options.dryRun === 'client') return printOnly(io, all, output)
  const api = await context.api()
  const standing = await standingOf(api)
  const { resources, kept } = await withoutForeign(api, all, standing)
  const doomed = options.prune ? await prunable(api, all, standing, options) : []
  if (options.dryRun === 'server') return dryRunOnly(io, api, { resources, doomed, standing, output })

  if (standing.isHoldfast || output !== 'table') {
    const results = await (resources.length === 0
      ? []
      : standing.isHoldfast
        ? applyInBatches(io, api, resources, { standing, output, size: options.batch ?? resources.length })
        : applyOneByOne(io, api, resources, output))
    print(io, [...kept, ...results], output)
  } else {
    print(io, kept, output)
    await applyOneByOne(io, api, resources, output)
  }
  await pruned(io, api, doomed)
  return exitStatus.fine
}

/**
 * What another control plane owns and what nobody has changed need not be written, so that what was read can be applied.
 * What is owned elsewhere and differs is left in: the control plane says where it can be written.
 */
async function withoutForeign(api: Api, all: readonly InputResource[], standing: Standing) {
  const foreign = all.filter((each) => isForeign(each, standing))
  const current = foreign.length === 0 ? new Map<string, JsonObject>() : await currentOf(api, foreign)
  const same = new Set(
    foreign.filter(({ type, object }) =>
      sameAsShown(object, current.get(keyOf(type, textOf(object.mesh), textOf(object.name)))),
    ),
  )
  return {
    resources: all.filter((each) => !same.has(each)),
    kept: [...same].map(({ type, object }) => ({ type: type.name, ...idOf(object), outcome: 'unchanged' })),
  }
}

/**
 * One request and one transaction for each batch, in the order of dependency. With more than one, the lines of each are
 * written when it is done: what was interrupted or refused later has not undone it.
 * @returns what has not been written yet
 */
async function applyInBatches(
  io: Io,
  api: Api,
  resources: readonly InputResource[],
  { standing, output, size }: { readonly standing: Standing; readonly output: Output; readonly size: number },
): Promise<readonly JsonObject[]> {
  const results: JsonObject[] = []
  for (let from = 0; from < resources.length; from += size) {
    io.signal.throwIfAborted()
    const batch = resources.slice(from, from + size)
    if (io.errIsTerminal === true && resources.length >= progressFrom)
      io.err.write(
        size >= resources.length
          ? `applying ${resources.length} resources in one transaction …\n`
          : `applying ${from + 1} to ${from + batch.length} of ${resources.length} resources in one transaction …\n`,
      )
    const done = await applyAtOnce(io, api, batch, standing, from)
    // With one batch there is nothing to be told between.
    if (output === 'table' && size < resources.length) print(io, done, output)
    else results.push(...done)
  }
  return results
}

/** One request, one transaction. @param before how many were applied by those before it */
async function applyAtOnce(
  io: Io,
  api: Api,
  resources: readonly InputResource[],
  standing: Standing,
  before: number,
): Promise<readonly JsonObject[]> {
  const items = resources.map((resource) => asOwn(resource, standing))
  // Once it is sent, its answer is waited for, interrupted or not: what the last line says is what was done.
  const { body } = await api.call('POST', '/_apply', { body: { items }, finishes: true }).catch((error: unknown) => {
    throw withPlaces(error, resources, before === 0 ? undefined : `${before} were applied in batches before it`)
  })
  for (const warning of Array.isArray(body.warnings) ? body.warnings : []) io.err.write(`Warning: ${String(warning)}\n`)
  return objectsOf(body.results)
}

const progressFrom = 500

/** A Kuma takes them one by one: the line of each is written when it is done. */
async function applyOneByOne(
  io: Io,
  api: Api,
  resources: readonly InputResource[],
  output: Output,
): Promise<readonly JsonObject[]> {
  const results: JsonObject[] = []
  for (const { type, object, place } of resources) {
    io.signal.throwIfAborted()
    const path = `${type.scope === 'mesh' ? `/meshes/${encodeURIComponent(textOf(object.mesh))}` : ''}/${type.path}/${encodeURIComponent(textOf(object.name))}`
    const { status, body } = await api.call('PUT', path, { body: object, finishes: true }).catch((error: unknown) => {
      const before =
        results.length === 0 ? 'nothing was applied' : `${results.length} of ${resources.length} were applied before it`
      const { file, line, column } = place('')
      throw new CliError(
        `${file}:${line}:${column}: ${type.name} ${JSON.stringify(object.name)}: ${(error as Error).message}\n${before}`,
        { cause: error },
      )
    })
    const result = {
      type: type.name,
      ...(type.scope === 'mesh' ? { mesh: object.mesh } : {}),
      name: object.name,
      outcome: status === 201 ? 'created' : 'updated',
      ...(Array.isArray(body.warnings) ? { warnings: body.warnings } : {}),
    }
    results.push(result)
    if (output === 'table') print(io, [result], output)
  }
  return results
}

function print(io: Io, results: readonly JsonObject[], output: Output, suffix = ''): void {
  io.out.write(formatted(output, { results }, () => results.map((result) => resultLine(result, suffix)).join('')))
  for (const result of results)
    for (const warning of Array.isArray(result.warnings) ? result.warnings : [])
      io.err.write(`Warning: ${nameText(result)}: ${String(warning)}\n`)
}

/** What kumactl prints with `--dry-run`: the resources, as they would be sent. */
async function printOnly(io: Io, resources: readonly InputResource[], output: Output): Promise<number> {
  const { jsonText, yamlText } = await import('../output/format.js')
  const objects = resources.map(({ object }) => object)
  io.out.write(
    output === 'json'
      ? jsonText({ total: objects.length, items: objects })
      : objects.map((object) => `---\n${yamlText(object)}`).join(''),
  )
  return exitStatus.fine
}

async function dryRunOnly(
  io: Io,
  api: Api,
  o: {
    readonly resources: readonly InputResource[]
    readonly doomed: Awaited<ReturnType<typeof prunable>>
    readonly standing: Standing
    readonly output: Output
  },
): Promise<number> {
  const items = o.resources.map((resource) => asOwn(resource, o.standing))
  const results = await (o.standing.isHoldfast ? dryRun(api, items) : Promise.resolve(undefined)).catch(
    (error: unknown) => {
      throw withPlaces(error, o.resources)
    },
  )
  if (results === undefined)
    throw new CliError(
      `${api.url} has no dry run of its own; 'holdfastctl diff' compares with what it has now, and --dry-run=client checks what can be checked here`,
    )
  const all = [
    ...results,
    ...o.doomed.map(({ type, item }) => ({ type: type.name, ...idOf(item), outcome: 'deleted' })),
  ]
  print(io, all, o.output, ' (dry run)')
  return exitStatus.fine
}

const idOf = ({ mesh, name }: JsonObject): JsonObject => ({ ...(mesh === undefined ? {} : { mesh }), name })

const nameText = (result: JsonObject): string =>
  `${textOf(result.type)} ${JSON.stringify(result.name)}${
    textOf(result.mesh) === '' ? '' : ` in mesh ${JSON.stringify(result.mesh)}`
  }`

function resultLine(result: JsonObject, suffix: string): string {
  const vips = Array.isArray(result.vips) ? result.vips.map(String) : []
  const pending = textOf(result.pending)
  const vip = vips.length > 0 ? `, VIP ${vips.join(', ')}` : pending === '' ? '' : `, no VIP yet: ${pending}`
  const hook = textOf(result.waitsForHook)
  const waits = hook === '' ? '' : `, zones see it once the policy hook ${JSON.stringify(hook)} has let it through`
  return `${nameText(result)} ${textOf(result.outcome)}${vip}${waits}${suffix}\n`
}

function batchSize(text: string): number {
  const size = Number(text)
  if (!Number.isSafeInteger(size) || size < 1) throw new InvalidArgumentError('It is a whole number of at least 1.')
  return size
}

export const varOption = (): Option =>
  repeated('-v, --var <name=value>', 'value of a variable {{name}} in the files; may be given several times')

export const applyCommand = defineCommand<ApplyOptions>({
  configure: (command) =>
    command
      .addOption(fileOption())
      .addOption(varOption())
      .addOption(
        new Option(
          '--dry-run [where]',
          'change nothing: print what would be sent (client), or what would become of it (server)',
        )
          .choices(['client', 'server'])
          .preset('client'),
      )
      .addOption(
        new Option(
          '--batch <n>',
          'in transactions of so many resources, one after the other, instead of one transaction for all',
        ).argParser(batchSize),
      )
      .option('--prune', 'then delete what has the labels of --selector and is not in the files', false)
      .addOption(selectorOption())
      .addOption(repeated('--prune-type <type>', 'delete only of this type; may be given several times')),
  outputs: plainOutputs,
  more: `Files are read first, all of them: if anything is wrong with any, every problem is told with its place, and nothing is
done. What is right is sent as one transaction, what is referred to before what refers to it. Once it is sent, an interruption
waits for the answer: what the last line says is what was done. A control plane takes 10,000 resources at once; for more,
--batch 10000 sends them in order, each batch whole or not at all.

--prune deletes only what this control plane owns, and never a Mesh, a Zone or a secret unless --prune-type says so.`,
  examples: [
    ['apply -f mesh.yaml', 'create or change what the file says'],
    ['apply -f policies/ -f services/', 'every .yaml, .yml and .json in these folders, at any depth'],
    ['apply -f service.yaml -v zone=east -v port=8080', 'a template, with values'],
    ['apply -f shop/ --prune -l team=shop', 'and delete what has this label and is not there any more'],
    ['apply -f mesh/ --batch 10000', 'more than one transaction may have'],
    ['apply -f shop/ --dry-run=server', 'what would become of it, addresses included'],
    ['get meshtimeouts -o yaml | holdfastctl apply -f -', 'changes nothing'],
  ],
  run: (context, _, options) => apply(context, options),
})
