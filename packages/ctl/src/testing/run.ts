import type { TlsFiles } from '../http-fetch.js'
import type { Io } from '../io.js'
import { runProgram } from '../program.js'

export const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5)
export const ago = (seconds: number): string => new Date(nowMs - seconds * 1000).toISOString()

/**
 * Answers by `METHOD /path?query`; a number is a status without JSON, a function is asked each time and may interrupt, an error is thrown
 * as an unreachable server makes `fetch` throw.
 */
export type Answers = Readonly<Record<string, unknown>>

export interface World {
  readonly answers?: Answers
  readonly files?: Readonly<Record<string, string>>
  readonly stdin?: string
  readonly env?: Readonly<Record<string, string>>
  readonly colour?: boolean
  /** Columns and rows of a terminal; none is one unless said. */
  readonly terminal?: { readonly columns: number; readonly rows: number }
  /** Called instead of waiting; interrupting is how a watch ends. */
  /** Told how each server is asked to prove who it is. */
  readonly onConnect?: (tls: TlsFiles) => void
  /** Makes what is asked in place of `answers`. */
  readonly connect?: (tls: TlsFiles) => typeof fetch
  /** Headers of requests that `asked` tells. */
  readonly sees?: readonly string[]
  readonly onWait?: (interrupt: () => void) => unknown
  /** Exit status of the editor, 0 unless said. */
  readonly editorStatus?: number
  /** Stands for the editor: the file's text before, and after. */
  readonly edit?: (text: string) => string
}

export interface Ran {
  readonly status: number
  readonly out: string
  readonly err: string
  /** What was asked, with the body of a write. */
  readonly asked: readonly (readonly [request: string, body?: unknown])[]
  /** Files that were written, if any was. */
  readonly written?: Readonly<Record<string, string>>
}

const url = 'http://127.0.0.1:5681'

/** An error as the API tells it. */
export const apiError = (
  status: number,
  title: string,
  detail: string,
  fields: Readonly<Record<string, string>> = {},
) => ({
  httpStatus: status,
  body: {
    type: '/std-errors',
    status,
    title,
    detail,
    invalid_parameters: Object.entries(fields).map(([field, reason]) => ({ field, reason })),
  },
})

/** Runs the program in a world of plain data. */
export async function run(args: readonly string[], world: World = {}): Promise<Ran> {
  const written = { out: '', err: '' }
  const asked: [string, unknown?][] = []
  const files: Record<string, string> = { ...world.files }
  const changed: Record<string, string> = {}
  const interrupted = new AbortController()
  const isFolder = (path: string) => Object.keys(files).some((file) => file.startsWith(`${path}/`))
  const io: Io = {
    out: { write: (text) => (written.out += text) },
    err: { write: (text) => (written.err += text) },
    colour: world.colour ?? false,
    ...(world.terminal === undefined ? {} : { terminal: world.terminal }),
    nowMs: () => nowMs,
    wait: async () => {
      if (world.onWait === undefined) throw new Error('nothing in this test says how long to wait')
      await world.onWait(() => interrupted.abort())
      interrupted.signal.throwIfAborted()
    },
    signal: interrupted.signal,
    runInTerminal: async (_, file) => {
      files[file] = world.edit?.(files[file] ?? '') ?? files[file] ?? ''
      return world.editorStatus ?? 0
    },
    files: {
      kind: async (path) => (path in files ? 'file' : isFolder(path) ? 'folder' : undefined),
      list: async (folder) => [
        ...new Set(
          Object.keys(files)
            .filter((file) => file.startsWith(`${folder}/`))
            .map((file) => file.slice(folder.length + 1).split('/')[0] ?? ''),
        ),
      ],
      read: async (path) => files[path] ?? '',
      readStdin: async () => world.stdin ?? '',
      writePrivate: async (path, text) => {
        files[path] = changed[path] = typeof text === 'string' ? text : Buffer.from(text).toString('latin1')
      },
      remove: async (path) => {
        delete files[path]
        delete changed[path]
      },
    },
  }
  const asker: typeof fetch = async (input, init) => {
    const asking = String(input)
    const request = `${init?.method} ${asking.startsWith(url) ? asking.slice(url.length) : asking}`
    const headers = Object.fromEntries(new Headers(init?.headers))
    const told = world.sees?.map((name) => `${name}: ${headers[name] ?? ''}`).join(', ')
    const said = told === undefined ? request : `${request} (${told})`
    asked.push(typeof init?.body === 'string' ? [said, JSON.parse(init.body)] : [said])
    const answer = world.answers?.[request] ?? 404
    return response(typeof answer === 'function' ? answer(() => interrupted.abort()) : answer)
  }
  const status = await runProgram(args, io, {
    version: '9.9.9',
    env: world.env ?? {},
    home: '/home/me',
    connect: async (tls) => {
      world.onConnect?.(tls)
      return world.connect?.(tls) ?? asker
    },
  })
  return { status, ...written, asked, ...(Object.keys(changed).length === 0 ? {} : { written: changed }) }
}

function response(answer: unknown): Response {
  if (answer instanceof Error) throw answer
  if (answer instanceof Response) return answer
  if (typeof answer === 'number') return new Response('404: Page Not Found', { status: answer })
  const { httpStatus, headers, body, text } = answer as {
    readonly httpStatus?: number
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: unknown
    readonly text?: string
  }
  if (text !== undefined) return new Response(text, { status: 200 })
  return httpStatus === undefined && headers === undefined
    ? new Response(JSON.stringify(answer), { status: 200 })
    : new Response(JSON.stringify(body), { status: httpStatus ?? 200, ...(headers === undefined ? {} : { headers }) })
}
