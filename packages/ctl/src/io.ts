/** Somewhere to write text to. */
export interface Writer {
  write(text: string): void
}

/** The world of one invocation, so that a command can be run without one. */
export interface Io {
  readonly out: Writer
  readonly err: Writer
  /** Whether `out` may carry colours. */
  readonly colour: boolean
  /** Columns and rows of the terminal that `out` is; undefined where it is none. */
  readonly terminal?: { readonly columns: number; readonly rows: number } | undefined
  /** Whether somebody sees `err` as it is written, so that progress is worth telling. */
  readonly errIsTerminal?: boolean | undefined
  readonly nowMs: () => number
  /** Resolves after that time, or rejects when interrupted. */
  readonly wait: (ms: number) => Promise<void>
  readonly signal: AbortSignal
  readonly files: Files
  /** Runs a program with the terminal as it is, as an editor needs; resolves with its exit status. */
  readonly runInTerminal: (command: string, file: string) => Promise<number>
}

export interface Files {
  /** Undefined if there is nothing at that path. */
  kind(path: string): Promise<'file' | 'folder' | undefined>
  /** Names within a folder, in any order. */
  list(folder: string): Promise<readonly string[]>
  read(path: string): Promise<string>
  readStdin(): Promise<string>
  /** Writes a file that only its owner may read, and the folder for it. */
  writePrivate(path: string, text: string | Uint8Array): Promise<void>
  remove(path: string): Promise<void>
}

/** `failed`: an error; `usage`: asked wrongly; `differs`: there is a difference, or something is not healthy. */
export const exitStatus = { fine: 0, failed: 1, usage: 2, differs: 3 } as const

/** Ends a command with a message for a person; the message names the thing and the next act. */
export class CliError extends Error {
  readonly status: number

  constructor(message: string, options: ErrorOptions & { readonly status?: number } = {}) {
    super(message, options)
    this.name = 'CliError'
    this.status = options.status ?? exitStatus.failed
  }
}

export const usageError = (message: string): CliError => new CliError(message, { status: exitStatus.usage })
