import { randomBytes } from 'node:crypto'
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { keyBytes, keyPrint, type MasterKey, masterKeysText, parseMasterKeys } from '@holdfast/identity'
import { Problem } from '@holdfast/model'
import type { Logger } from 'pino'
import type { Settings } from '../config/settings.js'

/** In the environment: one key as a line of the file, or several. */
export const masterKeysVariable = 'HOLDFAST_SECRETS_KEY'

/**
 * What secrets are sealed with: from a file or the environment; with an embedded database, from a file beside it that is
 * made at the first start. With a database of yours and none of both they stand as they are, and that is told.
 * @throws Problem `invalid` that names the source and every line that is wrong
 */
export async function masterKeys(
  settings: Pick<Settings, 'secretsKeyFile' | 'databaseUrl' | 'dataDir'>,
  env: Readonly<Record<string, string | undefined>>,
  log: Pick<Logger, 'info'>,
): Promise<readonly MasterKey[]> {
  const { secretsKeyFile, databaseUrl, dataDir } = settings
  const said = env[masterKeysVariable]
  if (secretsKeyFile !== undefined) return parsed(await readOf(secretsKeyFile), secretsKeyFile)
  if (said !== undefined && said !== '') return parsed(said.replaceAll(';', '\n'), masterKeysVariable)
  if (databaseUrl !== undefined) return []
  const file = join(dataDir, 'secrets.key')
  await mkdir(dataDir, { recursive: true })
  if (await madeOnce(file))
    log.info({ file }, 'a key to seal secrets with was made; without it nobody can read them, so keep a copy elsewhere')
  return parsed(await readOf(file), file)
}

function parsed(text: string, source: string): readonly MasterKey[] {
  const keys = parseMasterKeys(text)
  if ('problems' in keys) throw new Problem('invalid', `${source}: ${keys.problems.join('; ')}`)
  return keys
}

async function readOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new Problem(
      'invalid',
      `the key that secrets are sealed with cannot be read: ${(error as Error).message}; put it back from its copy, for nothing else opens them`,
      {
        cause: error,
      },
    )
  }
}

/** Whole or not at all, and never over one that is there. */
async function madeOnce(file: string): Promise<boolean> {
  const next = `${file}.${process.pid}.tmp`
  await writeFile(next, masterKeysText([{ id: 'k1', key: randomBytes(keyBytes) }]), { mode: 0o600 })
  try {
    await link(next, file)
    return true
  } catch (error) {
    if ((error as { code?: unknown }).code === 'EEXIST') return false
    throw error
  } finally {
    await rm(next, { force: true })
  }
}

export const masterKeyPrints = (keys: readonly MasterKey[]): readonly string[] => keys.map(keyPrint)
