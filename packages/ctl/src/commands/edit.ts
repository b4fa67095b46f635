import { placedText } from '@holdfast/model'
import { ApiFailure, textOf } from '../api.js'
import { authored } from '../changes/authored.js'
import { asOwn, keyOf } from '../changes/change.js'
import { standingOf } from '../changes/standing.js'
import { type Context, defineCommand, noOutputs } from '../cli/command.js'
import { zoneOption } from '../cli/options.js'
import { readResources } from '../input/resources.js'
import { CliError, exitStatus } from '../io.js'
import { yamlText } from '../output/format.js'
import { itemPath, resolve } from './resolve.js'
import { typeOfArgument } from './types.js'

const attemptMax = 10

/**
 * `edit TYPE NAME`: a resource in an editor, and back. What is wrong with it is told at the top of the file, and the
 * editor comes again; what another has changed meanwhile is not overwritten.
 */
async function edit(context: Context, word: string, name: string, zone: string | undefined): Promise<number> {
  const { io, env, mesh } = context
  const editor = env.HOLDFAST_EDITOR || env.VISUAL || env.EDITOR || 'vi'
  const api = await context.api()
  const wanted = { type: typeOfArgument(word), name, mesh, zone }
  const { type } = wanted
  const found = await resolve(api, wanted)
  const path = itemPath({ type, mesh: textOf(found.mesh) }, textOf(found.name))
  const { body, headers } = await api.call('GET', path)
  const etag = headers.get('etag')
  const original = yamlText(authored(body))
  const file = `${env.TMPDIR || '/tmp'}/holdfastctl-${type.singular[0] ?? type.path}-${textOf(found.name)}.yaml`
  let problems: readonly string[] = []
  let text = `${heading(type.name, textOf(found.name), api.url)}${original}`
  try {
    for (let attempt = 1; attempt <= attemptMax; attempt++) {
      await io.files.writePrivate(file, text)
      const status = await io.runInTerminal(editor, file)
      if (status !== 0)
        throw new CliError(
          `the editor (${editor}) ended with status ${status}; nothing was changed. Another one: EDITOR=nano`,
        )
      const edited = await io.files.read(file)
      if (withoutComments(edited) === withoutComments(text) && attempt === 1) {
        io.out.write('nothing was edited, nothing was changed\n')
        return exitStatus.fine
      }
      if (withoutComments(edited).trim() === '') {
        io.out.write('given up, nothing was changed\n')
        return exitStatus.failed
      }
      if (attempt > 1 && edited === text)
        throw new CliError(
          `${problems.join('\n')}\nnothing was changed; what you wrote is in ${await keep(context, textOf(found.name), edited)}`,
        )
      const wrong = await tried(context, { edited, file, path, etag, wanted: { type, item: found } })
      if (wrong === undefined) return exitStatus.fine
      problems = wrong
      text = `${problems.map((problem) => `# ${problem.replaceAll('\n', '\n# ')}\n`).join('')}${heading(type.name, textOf(found.name), api.url)}${withoutComments(edited)}`
    }
    const kept = await keep(context, textOf(found.name), text)
    throw new CliError(
      `${attemptMax} attempts, and something is still wrong with it; nothing was changed. What you wrote is in ${kept}, and what is wrong stands at its top; mend it, then 'holdfastctl apply -f ${kept}'`,
    )
  } finally {
    await io.files.remove(file)
  }
}

interface Attempt {
  readonly edited: string
  readonly file: string
  readonly path: string
  readonly etag: string | null
  readonly wanted: {
    readonly type: ReturnType<typeof typeOfArgument>
    readonly item: Readonly<Record<string, unknown>>
  }
}

/** Sends what was edited; what is wrong with it where it is refused, undefined once it is done. */
async function tried(
  context: Context,
  { edited, path, etag, wanted }: Attempt,
): Promise<readonly string[] | undefined> {
  const { io } = context
  const { type, item } = wanted
  const { resources, problems } = readResources([{ file: 'line', text: edited }], textOf(item.mesh))
  if (problems.length > 0) return problems.map(placedText)
  const [resource] = resources
  if (resource === undefined || resources.length > 1) return ['one resource is edited at a time']
  if (
    keyOf(resource.type, textOf(resource.object.mesh), textOf(resource.object.name)) !==
    keyOf(type, textOf(item.mesh), textOf(item.name))
  )
    return [`type, mesh and name say which one it is, and stay: ${type.name} ${textOf(item.name)}`]
  const api = await context.api()
  const headers = etag === null ? undefined : { 'if-match': etag }
  try {
    const { body } = await api.call('PUT', path, {
      body: asOwn(resource, await standingOf(api)),
      headers,
      finishes: true,
    })
    io.out.write(`${type.name} ${JSON.stringify(item.name)} updated\n`)
    for (const warning of Array.isArray(body.warnings) ? body.warnings : [])
      io.err.write(`Warning: ${String(warning)}\n`)
    return undefined
  } catch (error) {
    if (!(error instanceof ApiFailure)) throw error
    if (error.httpStatus !== 412) return [error.message]
    const kept = await keep(context, textOf(item.name), edited)
    throw new CliError(
      `${error.message}\nsomebody has changed it meanwhile; what you wrote is in ${kept}: see 'holdfastctl diff -f ${kept}'`,
    )
  }
}

/** What somebody has written is not thrown away. @returns the path of the file */
async function keep({ io, env }: Context, name: string, text: string): Promise<string> {
  const path = `${env.TMPDIR || '/tmp'}/holdfastctl-kept-${name}.yaml`
  await io.files.writePrivate(path, text)
  return path
}

const heading = (type: string, name: string, url: string): string =>
  `# ${type} ${name} of ${url}. Lines that begin with # are left out; an empty file changes nothing.\n`
const withoutComments = (text: string): string =>
  text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')

export const editCommand = defineCommand<{ readonly zone?: string }>({
  configure: (command) => command.argument('<type>').argument('<name>').addOption(zoneOption()),
  completes: ['type', 'name'],
  outputs: noOutputs,
  more: 'The editor is that of HOLDFAST_EDITOR, VISUAL or EDITOR, else vi.',
  examples: [['edit meshtimeout web', 'in your editor, and back']],
  run: (context, [type = '', name = ''], { zone }) => edit(context, type, name, zone),
})
