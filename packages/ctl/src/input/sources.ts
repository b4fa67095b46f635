import { join } from 'node:path'
import { within } from '@holdfast/deadline'
import { CliError, type Io, usageError } from '../io.js'

/** One text to read resources from. */
export interface Source {
  /** As the person named it, for messages. */
  readonly file: string
  readonly text: string
}

const readable = /\.(ya?ml|json)$/i

/**
 * Texts of files, of everything readable within folders (`.yaml`, `.yml`, `.json`, sorted by path), and of standard
 * input for `-`, and of what URLs answer. Throws a CliError that names every path that cannot be read.
 */
export async function readSources(
  io: Io,
  paths: readonly string[],
  connect?: (() => Promise<typeof fetch>) | undefined,
): Promise<readonly Source[]> {
  if (paths.filter((path) => path === '-').length > 1) throw usageError('standard input (-) can be read only once')
  const problems: string[] = []
  const files: string[] = []
  for (const path of new Set(paths)) {
    if (isRemote(path)) {
      files.push(path)
      continue
    }
    const kind = path === '-' ? 'file' : await io.files.kind(path)
    if (kind === undefined) problems.push(`${path}: no such file or folder`)
    else if (kind === 'file') files.push(path)
    else {
      const found = await filesWithin(io, path)
      if (found.length === 0) problems.push(`${path}: no .yaml, .yml or .json file in this folder`)
      files.push(...found)
    }
  }
  const sources: Source[] = []
  for (const file of new Set(files))
    try {
      const text = await (file === '-'
        ? io.files.readStdin()
        : isRemote(file)
          ? download(io, file, connect)
          : io.files.read(file))
      sources.push({ file: file === '-' ? '<stdin>' : file, text })
    } catch (error) {
      problems.push(`${file}: ${(error as Error).message}`)
    }
  if (problems.length > 0) throw new CliError(`cannot read every file\n${problems.join('\n')}`)
  return sources
}

async function filesWithin(io: Io, folder: string): Promise<readonly string[]> {
  const found: string[] = []
  for (const name of [...(await io.files.list(folder))].sort()) {
    // What a person hides is not theirs to apply by accident.
    if (name.startsWith('.')) continue
    const path = join(folder, name)
    if ((await io.files.kind(path)) === 'folder') found.push(...(await filesWithin(io, path)))
    else if (readable.test(name)) found.push(path)
  }
  return found
}

const isRemote = (path: string): boolean => /^https?:\/\//.test(path)
/** As kumactl has it. */
const downloadTimeoutMs = 10_000

async function download(io: Io, url: string, connect: (() => Promise<typeof fetch>) | undefined): Promise<string> {
  if (connect === undefined) throw new Error('this command reads no URLs; save it as a file first')
  const ask = await connect()
  return within(downloadTimeoutMs, [io.signal], async (signal) => {
    const response = await ask(url, { method: 'GET', signal })
    if (response.status !== 200) throw new Error(`answered ${response.status}`)
    return response.text()
  })
}
