import { type Command, InvalidArgumentError, Option } from 'commander'
import { usageError } from '../io.js'
import { durationMs } from './duration.js'

export const defaultUrl = 'http://127.0.0.1:5681'
export const defaultMesh = 'default'

/** Options of every command, kumactl's among them. */
export interface Globals {
  readonly url?: string
  readonly context?: string
  readonly configFile?: string
  readonly config: boolean
  readonly apiTimeout: number
  readonly logLevel: string
  readonly output: string
  readonly mesh: string
}

export const addGlobals = (program: Command): Command =>
  program
    .addOption(
      new Option('--url <url>', `where the control plane is; HOLDFAST_URL sets it as well (${defaultUrl})`).argParser(
        urlOf,
      ),
    )
    .addOption(new Option('--context <name>', 'context of the configuration, instead of the current one'))
    .addOption(new Option('--config-file <path>', 'the only configuration to read and write'))
    .addOption(new Option('--no-config', 'read and write no configuration'))
    .addOption(
      new Option('--api-timeout <duration>', 'longest time for one request, for example 30s; 0 for none')
        .default(60_000, '1m')
        .argParser(timeoutOf),
    )
    .addOption(
      new Option('--log-level <level>', 'debug tells every request on standard error')
        .choices(['off', 'info', 'debug'])
        .default('off'),
    )
    .addOption(new Option('-o, --output <format>', 'how to print').default('table'))
    .addOption(new Option('-m, --mesh <mesh>', 'mesh to look in').default(defaultMesh))

/** The words of a command line that are no options of the program, nor their values. */
export function positionals(args: readonly string[]): readonly string[] {
  const words: string[] = []
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? ''
    if (arg === '--') break
    if (valued.has(arg)) at++
    else if (!arg.startsWith('-')) words.push(arg)
  }
  return words
}

const valued = new Set([
  ...['--url', '--context', '--config-file', '--api-timeout', '--log-level'],
  ...['-o', '--output', '-m', '--mesh'],
])

export const isUrl = (text: string): boolean => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
export const notUrl = (text: string): string => `${JSON.stringify(text)} is no URL such as ${defaultUrl}`

function urlOf(text: string): string {
  if (isUrl(text)) return text
  throw new InvalidArgumentError(`${notUrl(text)}.`)
}

function timeoutOf(text: string): number {
  const ms = durationMs(text)
  if (ms === undefined) throw new InvalidArgumentError('It is a duration such as 30s or 1m30s, or 0 for none.')
  return ms
}

/** Throws a usage error in commander's words unless the command can print so. */
export function checkOutput(outputs: readonly string[], output: string): void {
  const allowed = outputs.length === 0 ? ['table'] : outputs
  const isAllowed = allowed.some((each) => (each.endsWith('=') ? output.startsWith(each) : each === output))
  if (isAllowed) return
  throw usageError(
    outputs.length === 0
      ? `this command prints plain lines: it takes no --output`
      : `option '-o, --output <format>' argument '${output}' is invalid. Allowed choices are ${allowed
          .map((each) => (each.endsWith('=') ? `${each}EXPRESSION` : each))
          .join(', ')}.`,
  )
}
