import { Command, CommanderError } from 'commander'
import type { Api } from './api.js'
import type { CommandFile, Context } from './cli/command.js'
import { addGlobals, checkOutput, defaultUrl, type Globals, isUrl, notUrl, positionals } from './cli/globals.js'
import { type Entry, entryOf, groups, table } from './cli/table.js'
import type { Connections, ControlPlane } from './config/connections.js'
import type { TlsFiles } from './http-fetch.js'
import { CliError, exitStatus, type Io, usageError } from './io.js'
import type { Output } from './output/format.js'

export interface ProgramOptions {
  readonly version: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** The person's home folder: configurations are in it. */
  readonly home: string
  /** Makes what asks a server, which proves itself as the configuration says. */
  readonly connect: (tls: TlsFiles) => Promise<typeof fetch>
}

/**
 * Runs `holdfastctl` with the arguments after its name. The table knows every command by name; the file of the one that
 * is called, and no other, is loaded, so that help and mistakes answer at once.
 * @returns the exit status
 */
export async function runProgram(args: readonly string[], io: Io, options: ProgramOptions): Promise<number> {
  let status: number = exitStatus.fine
  try {
    const words = positionals(args)
    // kumactl has a command for each policy; one of ours takes them all.
    if (words[0] === 'inspect' && words.length > 2 && entryOf(words) === undefined)
      return runProgram(withWord(args, 'inspect', 'policy'), io, options)
    // `help vip list` is what people type for `vip list --help`; commander knows one word only.
    if (words[0] === 'help' && words.length > 1)
      return runProgram([...args.filter((arg) => arg !== 'help'), '--help'], io, options)
    const entry = entryOf(words)
    const file = await entry?.load()
    const program = programOf(io, options, entry, file, async (run) => {
      status = await run()
    })
    if (args.length === 0) program.outputHelp()
    else await program.parseAsync([...args], { from: 'user' })
    return status
  } catch (error) {
    return failure(error, io)
  }
}

const withWord = (args: readonly string[], after: string, word: string): readonly string[] => {
  const at = args.indexOf(after) + 1
  return [...args.slice(0, at), word, ...args.slice(at)]
}

function failure(error: unknown, io: Io): number {
  // Help and version leave this way as well. What was wrong with the usage has been printed already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitStatus.fine : exitStatus.usage
  if (io.signal.aborted) {
    io.err.write('Error: interrupted\n')
    return exitStatus.failed
  }
  io.err.write(`Error: ${error instanceof Error ? error.message : String(error)}\n`)
  return error instanceof CliError ? error.status : exitStatus.failed
}

type Run = (run: () => Promise<number>) => Promise<void>

/** Every command by name and summary, and the one that is called with all that belongs to it. */
export function programOf(
  io: Pick<Io, 'out' | 'err'>,
  options: ProgramOptions,
  called: Entry | undefined,
  file: CommandFile | undefined,
  run: Run,
): Command {
  const program = new Command('holdfastctl')
    .description('Talks to a Holdfast control plane, global or zone')
    .version(options.version, '-V, --version', 'print the version of this program')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.out.write(text),
      writeErr: (text) => io.err.write(text),
      outputError: (text, write) => write(text.replace(/^error:/, 'Error:')),
    })
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError(helpHint('holdfastctl'))
  addGlobals(program)
  const parents = new Map<string, Command>()
  for (const entry of table) {
    const words = entry.words.split(' ')
    const command = parentOf(program, parents, words.slice(0, -1), entry)
      .command(words.at(-1) ?? '', { hidden: entry.hidden === true })
      .description(entry.summary)
      .showHelpAfterError(helpHint(`holdfastctl ${entry.words}`))
    if (entry === called && file !== undefined) configure(command, file, io as Io, options, program, run)
    // Whatever follows is for the file to judge, which is not loaded.
    else command.allowUnknownOption().allowExcessArguments()
    if (words.length === 1 && entry.heading !== undefined) command.helpGroup(entry.heading)
  }
  return program
}

/** After a mistake of usage: where it stands how it is right. */
const helpHint = (words: string): string => `see '${words} --help'`

function parentOf(program: Command, parents: Map<string, Command>, words: readonly string[], entry: Entry): Command {
  if (words.length === 0) return program
  const name = words.join(' ')
  const known = parents.get(name)
  if (known !== undefined) return known
  const made = parentOf(program, parents, words.slice(0, -1), entry)
    .command(words.at(-1) ?? '')
    .description(groups[name] ?? '')
    .showHelpAfterError(helpHint(`holdfastctl ${name}`))
  if (words.length === 1 && entry.heading !== undefined) made.helpGroup(entry.heading)
  parents.set(name, made)
  return made
}

function configure(
  command: Command,
  file: CommandFile,
  io: Io,
  options: ProgramOptions,
  program: Command,
  run: Run,
): void {
  file.configure?.(command)
  command.addHelpText('after', helpAfter(file))
  command.action(() =>
    run(async () => {
      const globals = program.opts<Globals>()
      checkOutput(file.outputs, globals.output)
      return file.run(contextOf(io, options, program), command.args, command.opts() as never)
    }),
  )
}

function helpAfter({ more, examples, outputs }: CommandFile): string {
  const width = Math.max(0, ...examples.map(([line]) => line.length))
  return [
    ...(more === undefined ? [] : ['', more.trim()]),
    ...(outputs.length === 0
      ? []
      : ['', `Prints with -o: ${outputs.join(', ').replace('jsonpath=', 'jsonpath=EXPR')}`]),
    ...(examples.length === 0 ? [] : ['', 'Examples:']),
    ...examples.map(([line, what]) => `  holdfastctl ${line.padEnd(width)}  # ${what}`),
  ].join('\n')
}

function contextOf(io: Io, { version, env, home, connect }: ProgramOptions, program: Command): Context {
  const globals = program.opts<Globals>()
  const { output: format } = globals
  let connections: Promise<Connections> | undefined
  const readConnections = (): Promise<Connections> => {
    connections ??= import('./config/connections.js').then(({ Connections }) =>
      Connections.read(
        io,
        !globals.config
          ? undefined
          : globals.configFile !== undefined
            ? { own: globals.configFile }
            : { own: `${home}/.holdfastctl/config`, kumactl: `${home}/.kumactl/config` },
      ),
    )
    return connections
  }
  const apiOf = async ({ url, controlPlane }: Place): Promise<Api> => {
    const { Api } = await import('./api.js')
    return new Api({
      url,
      version,
      fetch: await connect(controlPlane ?? {}),
      signal: io.signal,
      timeoutMs: globals.apiTimeout,
      headers: headersOf(controlPlane, env),
      ...(globals.logLevel === 'debug' ? { debug: (line: string) => io.err.write(`${line}\n`) } : {}),
    })
  }
  return {
    io,
    version,
    env,
    api: async () => apiOf(await placeOf(globals, env, readConnections)),
    apiAt: (controlPlane) => apiOf({ url: controlPlane.url, controlPlane }),
    connect: (tls = {}) => connect(tls),
    connections: readConnections,
    format,
    output: (format === 'wide' ? 'table' : format) as Output,
    mesh: globals.mesh,
    meshIfSaid: program.getOptionValueSource('mesh') === 'default' ? undefined : globals.mesh,
  }
}

interface Place {
  readonly url: string
  /** Where the URL is that of the configuration. */
  readonly controlPlane?: ControlPlane | undefined
}

/** `--url`, else `--context`, else HOLDFAST_URL, else the current context, else this machine. */
async function placeOf(
  { url, context }: Globals,
  env: ProgramOptions['env'],
  connections: () => Promise<Connections>,
): Promise<Place> {
  if (url !== undefined && context !== undefined) throw usageError('say --url or --context, not both')
  if (url !== undefined) return { url }
  const said = env.HOLDFAST_URL
  if (context === undefined && said) {
    if (!isUrl(said)) throw usageError(`HOLDFAST_URL: ${notUrl(said)}`)
    return { url: said }
  }
  const controlPlane = (await connections()).controlPlaneOf(context)
  return controlPlane === undefined ? { url: defaultUrl } : { url: controlPlane.url, controlPlane }
}

function headersOf(
  controlPlane: ControlPlane | undefined,
  env: ProgramOptions['env'],
): Readonly<Record<string, string>> {
  const token = env.HOLDFAST_TOKEN || (controlPlane?.authType === 'tokens' ? controlPlane.authConf?.token : undefined)
  return {
    ...Object.fromEntries((controlPlane?.headers ?? []).map(({ key, value }) => [key, value])),
    ...(token ? { authorization: `Bearer ${token}` } : {}),
  }
}
