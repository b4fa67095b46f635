import { defineCommand } from '../cli/command.js'
import { fileOption } from '../cli/options.js'
import { reportInput } from '../input/report.js'
import { readResources } from '../input/resources.js'
import { readSources } from '../input/sources.js'
import { CliError, exitStatus, type Io } from '../io.js'
import { jsonText, type Output, yamlText } from '../output/format.js'

export interface ConvertOptions {
  readonly files: readonly string[]
  readonly mesh: string
  readonly output: Output
}

/** `convert kubernetes -f`: Holdfast resources as documents of YAML, or as one list of JSON. Talks to nobody. */
export async function convert(io: Io, options: ConvertOptions): Promise<number> {
  const input = readResources(await readSources(io, options.files), options.mesh)
  reportInput(io, input)
  if (input.resources.length === 0) throw new CliError(`there is nothing to convert in ${options.files.join(', ')}`)
  const items = input.resources.map(({ object }) => object)
  io.out.write(options.output === 'json' ? jsonText({ total: items.length, items }) : items.map(yamlText).join('---\n'))
  return exitStatus.fine
}

export const convertKubernetesCommand = defineCommand<{ readonly file: readonly string[] }>({
  configure: (command) => command.addOption(fileOption()),
  outputs: ['table', 'yaml', 'json'],
  examples: [['convert kubernetes -f services.k8s.yaml', 'what apply would make of these Services']],
  run: ({ io, mesh, output }, _, { file }) => convert(io, { files: file, mesh, output }),
})
