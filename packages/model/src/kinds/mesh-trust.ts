import { z } from 'zod'
import { type Finding, strict } from './finding.js'
import { keptKind } from './json-kind.js'

/** Whose certificates are believed of a trust domain. */
const schema = z.looseObject({
  origin: z.looseObject({ kri: z.string().optional() }).optional(),
  trustDomain: z.string().max(253),
  caBundles: z
    .array(z.looseObject({ type: z.enum(['Pem']), pem: z.looseObject({ value: z.string() }).optional() }))
    .min(1),
})

export type MeshTrustSpec = z.infer<typeof schema>
export const meshTrustKind = keptKind('MeshTrust', schema, findings)

function* findings({ trustDomain, caBundles }: MeshTrustSpec): Iterable<Finding> {
  for (const [index, { pem }] of caBundles.entries()) {
    const path = `spec.caBundles[${index}].pem`
    if (pem === undefined) yield strict(path, 'must be defined')
    else if (!isCertificateLike(pem.value)) yield strict(`${path}.value`, 'provided certificate has incorrect format')
  }
  if (trustDomain === '') yield strict('spec.trustDomain', 'trustDomain needs to be defined')
}

/** A block of PEM that is no private key: it would be given to every zone. */
function isCertificateLike(text: string): boolean {
  const block = /-----BEGIN ([A-Z0-9 ]+)-----\r?\n([A-Za-z0-9+/=\s]+)-----END \1-----/.exec(text)
  return block !== null && !(block[1] ?? '').endsWith('PRIVATE KEY')
}
