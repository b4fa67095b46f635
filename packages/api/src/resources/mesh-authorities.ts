import {
  authoritiesOfMesh,
  authoritySecretNames,
  type Labels,
  type ParsedBody,
  type ResourceKey,
  readMesh,
  secretSpec,
  specTypeUrl,
  type TypeDescriptor,
  typeOf,
} from '@holdfast/model'
import type { LocalChange } from '@holdfast/store'
import type { ApiContext } from '../options.js'
import { living } from './meshes.js'
import { plannedPut } from './put.js'

const secret = typeOf('Secret')
const noLabels: Labels = {}

/**
 * Secrets of the authorities that a written mesh wants and has not: one for each `builtin` backend, certificate and key, made
 * once and never over what is there. They go into the transaction of the mesh, so that no zone of Kuma sees a mesh whose proxies
 * it cannot certify.
 * @param given whether the same request writes this one itself
 */
export async function newAuthorities(
  context: ApiContext,
  type: TypeDescriptor,
  { name: mesh, spec }: ParsedBody,
  given: (key: ResourceKey) => boolean = () => false,
): Promise<readonly LocalChange[]> {
  const { identity, store } = context
  if (identity === undefined || type.name !== 'Mesh') return []
  const changes: LocalChange[] = []
  for (const wanted of authoritiesOfMesh(readMesh(spec)?.mtls?.backends ?? [])) {
    const names = authoritySecretNames(mesh, wanted.backend)
    const keys = [names.certificate, names.key].map((name): ResourceKey => ({ type: secret.name, mesh, name }))
    // A half that is left of one is its owner's to complete: another half would not fit it.
    if (keys.some(given) || (await Promise.all(keys.map((key) => store.read.get(key)))).some(living)) continue
    const { certificatePem, privateKeyPem } = await identity.newMeshAuthority(mesh, wanted)
    changes.push(secretPut(names.certificate, certificatePem), secretPut(names.key, privateKeyPem))
  }
  return changes

  function secretPut(name: string, pem: string): LocalChange {
    const content = { typeUrl: specTypeUrl(secret), spec: secretSpec(Buffer.from(pem)) }
    const body: ParsedBody = { ...{ name, mesh, labels: noLabels, kindLabels: noLabels, warnings: [] }, ...content }
    // Whoever makes it at the same time makes both of them, and the first one's stay.
    return { ...plannedPut(secret, body, context).change, sameAs: () => true }
  }
}
