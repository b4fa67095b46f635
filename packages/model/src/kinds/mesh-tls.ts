import { z } from 'zod'
import { type Finding, strict } from './finding.js'
import { keptKind } from './json-kind.js'
import { affectsInbounds, deprecatedFromFindings, fromOf, itemFindings, rulesOf, topFindings } from './policy.js'
import { policyColumns } from './policy-columns.js'
import { targetRef } from './target-ref.js'
import { tlsVersionFindings, tlsVersions } from './tls-versions.js'

const ciphers = ['AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'CHACHA20-POLY1305']
const cipher = z.enum(['ECDSA', 'RSA'].flatMap((key) => ciphers.map((name) => `ECDHE-${key}-${name}`)))

const conf = z
  .looseObject({
    tlsVersion: tlsVersions.optional(),
    tlsCiphers: z.array(cipher).optional(),
    mode: z.enum(['Permissive', 'Strict']).optional(),
  })
  .default({})
type Conf = z.infer<typeof conf>

/** What a proxy demands of the TLS of those who call it. */
const schema = z.looseObject({ targetRef: targetRef.optional(), from: fromOf(conf), rules: rulesOf(conf) })

export type MeshTLSSpec = z.infer<typeof schema>
export const meshTLSKind = keptKind('MeshTLS', schema, findings, policyColumns)

function* findings(spec: MeshTLSSpec): Iterable<Finding> {
  const { from = [], rules = [] } = spec
  yield* topFindings(spec.targetRef, {
    kinds: ['Mesh', 'MeshSubset', 'Dataplane'],
    inbound: affectsInbounds(spec),
  })
  if (rules.length > 0 && from.length > 0) yield strict('spec', "field 'from' must be empty when 'rules' is defined")
  const ofMesh = (spec.targetRef?.kind ?? 'Mesh') === 'Mesh'
  const said = (path: string, given: Conf) => confFindings(path, given, ofMesh)
  for (const [index, rule] of rules.entries()) yield* said(`spec.rules[${index}].default`, rule.default)
  yield* itemFindings('spec.from', from, { kinds: ['Mesh'] }, said)
  yield* deprecatedFromFindings(spec)
}

function* confFindings(path: string, { tlsVersion, tlsCiphers }: Conf, ofMesh: boolean): Iterable<Finding> {
  if ((tlsCiphers ?? []).length > 0 && !ofMesh)
    yield strict(`${path}.tlsCiphers`, 'tlsCiphers can only be defined with top level targetRef kind: Mesh')
  if (tlsVersion === undefined) return
  if (!ofMesh) yield strict(`${path}.tlsVersion`, 'tlsVersion can only be defined with top level targetRef kind: Mesh')
  else yield* tlsVersionFindings(`${path}.tlsVersion`, tlsVersion)
}
