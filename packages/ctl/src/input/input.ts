import type { Context } from '../cli/command.js'
import { CliError } from '../io.js'
import { reportInput } from './report.js'
import { type InputResource, readResources } from './resources.js'
import { readSources, type Source } from './sources.js'

export interface InputOptions {
  readonly file: readonly string[]
  readonly var?: readonly string[] | undefined
}

/**
 * Everything that the files say, in the order in which it must be applied. Throws with every problem of every file, each
 * with its place.
 */
export async function readInput(
  { io, mesh, connect }: Pick<Context, 'io' | 'mesh' | 'connect'>,
  { file, var: vars = [] }: InputOptions,
): Promise<readonly InputResource[]> {
  let sources = await readSources(io, file, connect)
  // Without any value braces are not a template: that is how kumactl has it.
  if (vars.length > 0) {
    const { rendered, varsOf } = await import('./vars.js')
    sources = rendered(sources, varsOf(vars))
  }
  const input = readResources(sources, mesh)
  reportInput(io, input, vars.length === 0 ? templateHint(sources) : undefined)
  if (input.resources.length === 0 && input.emptyLists === 0)
    throw new CliError(`there is nothing to apply in ${file.join(', ')}`)
  return [...input.resources].sort((a, b) => a.type.order - b.type.order)
}

/** Names as --var gives them; what a HostnameGenerator's template has begins with a dot or a function. */
const variable = /\{\{\s*([A-Za-z_]\w*(?:\.\w+)*)\s*\}\}/

/** What to say beside problems that would not be there if a template had been given its values. */
function templateHint(sources: readonly Source[]): string | undefined {
  for (const { file, text } of sources) {
    const [braces, name] = variable.exec(text) ?? []
    if (name !== undefined) return `${file} has ${braces}: if it is a template, give its values, --var ${name}=VALUE`
  }
  return undefined
}
