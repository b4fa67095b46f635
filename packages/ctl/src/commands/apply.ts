import { originLabel, type PlacedMessage, placedText } from '@holdfast/model'
import { type Api, ApiFailure, isObject, type JsonObject, objectsOf, textOf } from '../api.js'
import { defineCommand, plainOutputs } from '../cli/command.js'
import { fileOption } from '../cli/options.js'
import { reportInput } from '../input/report.js'
import { type InputResource, readResources } from '../input/resources.js'
import { readSources } from '../input/sources.js'
import { CliError, exitStatus, type Io } from '../io.js'
import { formatted, type Output } from '../output/format.js'

export interface ApplyOptions {
  readonly files: readonly string[]
  readonly mesh: string
  readonly output: Output
}

/**
 * `apply -f`: everything is read and checked, in dependency order, and sent in one request: all of it is applied or
 * nothing. One line per resource tells what became of it.
 */
export async function apply(io: Io, api: Api, options: ApplyOptions): Promise<number> {
  const input = readResources(await readSources(io, options.files), options.mesh)
  reportInput(io, input)
  if (input.resources.length === 0) throw new CliError(`there is nothing to apply in ${options.files.join(', ')}`)
  const resources = [...input.resources].sort((a, b) => a.type.order - b.type.order)
  const { mode } = await api.get('/_holdfast/status')
  const objects = resources.map((resource) => asOwn(resource, textOf(mode)))
  const answer = await api.post('/_apply', { items: objects }).catch((error: unknown) => {
    throw withPlaces(error, resources)
  })
  const results = objectsOf(answer.results)
  io.out.write(formatted(options.output, { results }, () => results.map(resultLine).join('')))
  for (const result of results)
    for (const warning of Array.isArray(result.warnings) ? result.warnings : [])
      io.err.write(`Warning: ${nameText(result)}: ${String(warning)}\n`)
  return exitStatus.fine
}

/** A federated zone wants to be told that what it is given is its own. */
function asOwn({ type, object }: InputResource, mode: string): JsonObject {
  if (mode !== 'federated' || type.style !== 'B') return object
  const labels = isObject(object.labels) ? object.labels : {}
  return { ...object, labels: { [originLabel]: 'zone', ...labels } }
}

const nameText = (result: JsonObject): string =>
  `${textOf(result.type)} ${JSON.stringify(result.name)}${
    textOf(result.mesh) === '' ? '' : ` in mesh ${JSON.stringify(result.mesh)}`
  }`

function resultLine(result: JsonObject): string {
  const vips = Array.isArray(result.vips) ? result.vips.map(String) : []
  const pending = textOf(result.pending)
  const vip = vips.length > 0 ? `, VIP ${vips.join(', ')}` : pending === '' ? '' : `, no VIP yet: ${pending}`
  return `${nameText(result)} ${textOf(result.outcome)}${vip}\n`
}

/** What the control plane says of `items[3].spec` is said of the place in the file from which it came. */
function withPlaces(error: unknown, resources: readonly InputResource[]): unknown {
  if (!(error instanceof ApiFailure) || error.body === undefined || error.body.fields.length === 0) return error
  const { title, detail, fields } = error.body
  const lines = fields.map(({ field, reason }) => {
    const [, index, path = ''] = /^items\[(\d+)\]\.?(.*)$/.exec(field) ?? []
    const resource = index === undefined ? undefined : resources[Number(index)]
    if (resource === undefined) return `* ${field}: ${reason}`
    const what = `${resource.type.name} ${JSON.stringify(resource.object.name)}`
    const message: PlacedMessage = {
      ...resource.place(path),
      message: path === '' ? `${what}: ${reason}` : `${what}: ${path}: ${reason}`,
    }
    return placedText(message)
  })
  return new CliError(`${title} (${detail.trim()}), nothing was applied:\n${lines.join('\n')}`, { cause: error })
}

export const applyCommand = defineCommand<{ readonly file: readonly string[] }>({
  configure: (command) => command.addOption(fileOption()),
  outputs: plainOutputs,
  examples: [['apply -f mesh.yaml', 'create or change what the file says']],
  run: async ({ io, api, mesh, output }, _, { file }) => apply(io, await api(), { files: file, mesh, output }),
})
