import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import type { Io } from '../io.js'
import { runProgram } from '../program.js'

export const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5)
export const ago = (seconds: number): string => new Date(nowMs - seconds * 1000).toISOString()

/** Answers by `METHOD /path?query`; a number is a status with an empty text. */
export type Answers = Readonly<Record<string, unknown>>

export interface World {
  readonly answers?: Answers
  readonly files?: Readonly<Record<string, string>>
  readonly stdin?: string
  readonly env?: Readonly<Record<string, string>>
  readonly colour?: boolean
}

export interface Ran {
  readonly status: number
  readonly out: string
  readonly err: string
  /** What was asked, with the body of a write. */
  readonly asked: readonly (readonly [request: string, body?: unknown])[]
}

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
  const files = world.files ?? {}
  const isFolder = (path: string) => Object.keys(files).some((file) => file.startsWith(`${path}/`))
  const io: Io = {
    out: { write: (text) => (written.out += text) },
    err: { write: (text) => (written.err += text) },
    colour: world.colour ?? false,
    nowMs: () => nowMs,
    signal: new AbortController().signal,
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
    },
  }
  const fetch: typeof globalThis.fetch = async (url, init) => {
    const request = `${init?.method} ${String(url).slice('http://127.0.0.1:5681'.length)}`
    asked.push(typeof init?.body === 'string' ? [request, JSON.parse(init.body)] : [request])
    return response(world.answers?.[request] ?? 404)
  }
  const status = await runProgram(args, io, { version: '9.9.9', env: world.env ?? {}, fetch })
  return { status, ...written, asked }
}

function response(answer: unknown): Response {
  if (typeof answer === 'number') return new Response('404: Page Not Found', { status: answer })
  const { httpStatus, body } = answer as { readonly httpStatus?: number; readonly body?: unknown }
  return httpStatus === undefined
    ? new Response(JSON.stringify(answer), { status: 200 })
    : new Response(JSON.stringify(body), { status: httpStatus })
}

/**
 * Compares what was printed with the file under `testdata` that a person found right. HOLDFAST_GOLDEN=write writes it
 * anew, to be looked at in the diff.
 */
export function expectGolden(name: string, printed: string): void {
  const file = fileURLToPath(new URL(`../../testdata/${name}`, import.meta.url))
  if (process.env.HOLDFAST_GOLDEN === 'write') writeFileSync(file, printed)
  expect(printed).toBe(readFileSync(file, 'utf8'))
}
