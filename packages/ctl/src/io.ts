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
  readonly nowMs: () => number
  readonly signal: AbortSignal
  readonly files: Files
}

export interface Files {
  /** Undefined if there is nothing at that path. */
  kind(path: string): Promise<'file' | 'folder' | undefined>
  /** Names within a folder, in any order. */
  list(folder: string): Promise<readonly string[]>
  read(path: string): Promise<string>
  readStdin(): Promise<string>
}

/** `failed`: an error, or control planes that disagree; `usage`: asked wrongly; `unsure`: not everything could be asked. */
export const exitStatus = { fine: 0, failed: 1, usage: 2, unsure: 3 } as const

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
