import { execFile, spawn } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Problem } from '@holdfast/model'

export type Tool = 'pg_dump' | 'pg_restore'

/** PostgreSQL's own program: in `binFolder`, or on PATH. It must not be older than the server. */
export interface FoundTool {
  readonly path: string
  /** Major version. */
  readonly major: number
}

/** @param serverVersion as `server_version_num` has it @throws Problem `missing` or `conflict` with what to do */
export async function findTool(tool: Tool, binFolder: string | undefined, serverVersion: number): Promise<FoundTool> {
  const path = binFolder === undefined ? tool : join(binFolder, tool)
  const serverMajor = Math.floor(serverVersion / 10_000)
  const said = await promisify(execFile)(path, ['--version']).catch((cause: unknown) => {
    throw new Problem(
      'missing',
      `${path} cannot be run: ${(cause as Error).message}. Install the client programs of PostgreSQL ${serverMajor} or later (the embedded database brings none), and name their folder with --pg-bin`,
      { cause },
    )
  })
  const major = Number(/\) (\d+)/.exec(said.stdout)?.[1])
  if (Number.isNaN(major))
    throw new Problem(
      'conflict',
      `${path} --version says ${said.stdout.trim()}: is it PostgreSQL's? Name the folder of its own programs with --pg-bin`,
    )
  if (major < serverMajor)
    throw new Problem(
      'conflict',
      `${path} is of PostgreSQL ${major}, and the server is ${serverMajor}: it must not be older. Name the folder of newer ones with --pg-bin`,
    )
  return { path, major }
}

const wordsMax = 4_000

/** Runs it to its end; the password goes by the environment, where no list of processes shows it. */
export async function runTool(
  { path }: FoundTool,
  args: readonly string[],
  databaseUrl: string,
  signal: AbortSignal,
): Promise<void> {
  const url = new URL(databaseUrl)
  const password = decodeURIComponent(url.password)
  url.password = ''
  const child = spawn(path, [...args, `--dbname=${url.href}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...(password === '' ? {} : { PGPASSWORD: password }) },
    signal,
  })
  let words = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-wordsMax)
  })
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve)
  })
  if (status !== 0) throw new Problem('unavailable', `${path} ended with status ${status}: ${words.trim()}`)
}

/** What is in a dump, for `--use-list`: without the schema itself, which is there before anything is put back. */
export async function contentsWithoutSchema({ path }: FoundTool, file: string): Promise<string> {
  const { stdout } = await promisify(execFile)(path, ['--list', file], { maxBuffer: 16 << 20 })
  return stdout
    .split('\n')
    .filter((line) => !/^\d+; \d+ \d+ (SCHEMA|COMMENT|ACL) - (SCHEMA )?\S+ /.test(line))
    .join('\n')
}
