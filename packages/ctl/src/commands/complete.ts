import { type Context, defineCommand, noOutputs } from '../cli/command.js'
import { type Candidate, namesOf, wantedAt } from '../cli/completion.js'
import { positionals } from '../cli/globals.js'
import { entryOf } from '../cli/table.js'
import { exitStatus } from '../io.js'
import { programOf } from '../program.js'

/** The shell knows files better than anybody. */
const files = ':files'
const answerWithinMs = 2_000

/** `__complete -- WORDS`: how the last of them may go on, one a line: the word, a tab, what it is. Never an error. */
async function complete(context: Context, words: readonly string[]): Promise<number> {
  const { io, version } = context
  const before = words.slice(0, -1)
  const entry = entryOf(positionals(before))
  const file = await entry?.load()
  const program = programOf(io, { version, env: {}, home: '', connect: async () => fetch }, entry, file, async () => {})
  let command = program
  let rest = words
  // Down the words that are commands; options of the program may stand between them.
  for (const word of positionals(before)) {
    const next = command.commands.find((each) => each.name() === word)
    if (next === undefined) break
    command = next
    rest = rest.slice(rest.indexOf(word) + 1)
  }
  const wanted = wantedAt(command, program, rest, file?.completes ?? [])
  const current = words.at(-1) ?? ''
  // A name that two zones have is offered once.
  const offered = new Map((await candidates(context, words, wanted)).map(({ value, what }) => [value, what]))
  for (const [value, what] of offered)
    if (value === files || value.startsWith(current)) io.out.write(what === '' ? `${value}\n` : `${value}\t${what}\n`)
  return exitStatus.fine
}

async function candidates(
  context: Context,
  words: readonly string[],
  wanted: ReturnType<typeof wantedAt>,
): Promise<readonly Candidate[]> {
  if (wanted.kind === 'words') return wanted.candidates
  if (wanted.kind === 'file') return [{ value: files, what: '' }]
  if (wanted.kind === 'context')
    return (await context.connections()).merged.contexts.map(({ name, controlPlane }) => ({
      value: name,
      what: controlPlane,
    }))
  const said = words.findIndex((word) => word === '-m' || word === '--mesh')
  const mesh = said < 0 ? context.mesh : (words[said + 1] ?? context.mesh)
  try {
    return await Promise.race([
      namesOf(wanted.kind, { api: context.api, mesh, args: wanted.args }),
      context.io.wait(answerWithinMs).then(() => []),
    ])
  } catch {
    // A shell that prints errors while somebody types is worse than one that offers nothing.
    return []
  }
}

export const completeCommand = defineCommand({
  configure: (command) => command.argument('[words...]'),
  outputs: noOutputs,
  examples: [],
  run: complete,
})
