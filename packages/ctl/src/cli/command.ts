import type { Command } from 'commander'
import type { Api } from '../api.js'
import type { Connections, ControlPlane } from '../config/connections.js'
import type { TlsFiles } from '../http-fetch.js'
import type { Io } from '../io.js'
import type { Output } from '../output/format.js'

/** What a command is given beside its own arguments and options. */
export interface Context {
  readonly io: Io
  readonly version: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** The control plane that the command line, the environment or the configuration names. */
  readonly api: () => Promise<Api>
  /** Another one than that, with its own headers, certificates and token. */
  readonly apiAt: (controlPlane: ControlPlane) => Promise<Api>
  /** Asks what is none of ours: where a file is a URL. With the machine's certificates unless others are said. */
  readonly connect: (tls?: TlsFiles) => Promise<typeof fetch>
  /** The control planes and contexts of the configuration files. */
  readonly connections: () => Promise<Connections>
  /** `-o` in its three basic forms; `wide` is a table. */
  readonly output: Output
  /** `-o` as it was said, one of the command's `outputs`. */
  readonly format: string
  /** `-m`; `default` where it was not said. */
  readonly mesh: string
  readonly meshIfSaid: string | undefined
}

export type Outputs = readonly string[]
export const noOutputs: Outputs = []
/** `jsonpath=` is followed by an expression. */
export const listOutputs: Outputs = ['table', 'wide', 'yaml', 'json', 'name', 'jsonpath=']
export const plainOutputs: Outputs = ['table', 'yaml', 'json']

/** What the names of can be completed. */
export type Completable = 'type' | 'name' | 'zone' | 'service' | 'hold' | 'kind' | 'shell' | 'none'

/** One command, in a file of its own that is loaded when the command is called. */
export interface CommandFile {
  /** Its arguments and options. */
  readonly configure?: ((command: Command) => void) | undefined
  /** Command lines without the program's name, each with what it does. A test runs every one of them. */
  readonly examples: readonly (readonly [line: string, what: string])[]
  /** What each positional argument is, for completion; the last counts for those after it. */
  readonly completes?: readonly Completable[] | undefined
  /** What `-o` takes. */
  readonly outputs: Outputs
  /** Paragraphs between the summary and the options. */
  readonly more?: string | undefined
  /**
   * @param args positional arguments, those that may be repeated one by one
   * @returns the exit status
   */
  readonly run: (context: Context, args: readonly string[], options: never) => Promise<number>
}

/** Says of which shape a command's options are: what `configure` makes commander give. */
export const defineCommand = <Options = Record<string, never>>(
  file: Omit<CommandFile, 'run'> & {
    readonly run: (context: Context, args: readonly string[], options: Options) => Promise<number>
  },
): CommandFile => file
