import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { Problem } from '@holdfast/model'
import { z } from 'zod'

/** What stands beside a backup, so that nobody puts back the wrong one or half of one. */
const schema = z.object({
  format: z.literal('holdfast-backup/1'),
  role: z.enum(['global', 'zone']),
  name: z.string(),
  storeId: z.string(),
  epoch: z.string(),
  /** At least: what was committed while the dump began may be in it too. */
  revision: z.number().int(),
  schema: z.string(),
  serverVersion: z.number().int(),
  programVersion: z.string(),
  at: z.string(),
  bytes: z.number().int(),
  sha256: z.string(),
})

export type Label = z.infer<typeof schema>

export const labelFile = (file: string): string => `${file}.json`

/** @throws Problem `invalid` that names the file and what is wrong with it */
export async function readLabel(file: string): Promise<Label> {
  const path = labelFile(file)
  try {
    return schema.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch (cause) {
    const words = cause instanceof z.ZodError ? issueWords(cause.issues) : (cause as Error).message
    throw new Problem(
      'invalid',
      `${path} does not tell what ${file} is: ${words}. Both files of a backup belong together`,
      {
        cause,
      },
    )
  }
}

const namedMax = 3

/** A file that is something else has every field wrong: the first ones say so. */
function issueWords(issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[]): string {
  const named = issues.slice(0, namedMax).map(({ path, message }) => `${path.map(String).join('.')}: ${message}`)
  const more = issues.length - named.length
  return `${named.join('; ')}${more > 0 ? `; and ${more} more` : ''}`
}

/** Lowercase hex. */
export async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

export const whose = ({ role, name }: Pick<Label, 'role' | 'name'>): string =>
  role === 'global' ? 'global' : `zone ${name}`
