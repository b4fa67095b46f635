import { z } from 'zod'
import { type Finding, strict } from './finding.js'

/** Where a control plane or a proxy reads something secret. */
export const secureDataSource = z.looseObject({
  type: z.enum(['File', 'Secret', 'EnvVar', 'InsecureInline']),
  file: z.looseObject({ path: z.string() }).optional(),
  envVar: z.looseObject({ name: z.string() }).optional(),
  insecureInline: z.looseObject({ value: z.string() }).optional(),
  secretRef: z.looseObject({ kind: z.enum(['Secret']), name: z.string() }).optional(),
})
export type SecureDataSource = z.infer<typeof secureDataSource>

/** Never a value: it may be a key. */
export function* secureDataSourceFindings(path: string, source: SecureDataSource): Iterable<Finding> {
  const { file, envVar, insecureInline, secretRef } = source
  switch (source.type) {
    case 'File':
      if (file === undefined) yield strict(`${path}.file`, 'must be defined')
      else yield* fileFindings(`${path}.file.path`, file.path)
      return
    case 'EnvVar':
      if (envVar === undefined) yield strict(`${path}.envVar`, 'must be defined')
      else if (envVar.name === '') yield strict(`${path}.envVar.name`, 'must be defined')
      return
    case 'InsecureInline':
      if (insecureInline === undefined) yield strict(`${path}.insecureInline`, 'must be defined')
      else if (insecureInline.value === '') yield strict(`${path}.insecureInline.value`, 'must be defined')
      return
    case 'Secret':
      if (secretRef === undefined) yield strict(`${path}.secretRef`, 'must be defined')
      else if (secretRef.name === '') yield strict(`${path}.secretRef.name`, 'must be defined')
  }
}

/** Whoever writes a resource must not choose any file of the machine that reads it. */
function* fileFindings(path: string, file: string): Iterable<Finding> {
  if (file === '') yield strict(path, 'must be defined')
  else if (file.includes('..')) yield strict(path, `file path contains directory traversal sequence: ${file}`)
  else if (!file.startsWith('/')) yield strict(path, `file path must be absolute: ${file}`)
}
