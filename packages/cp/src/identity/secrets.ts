import type { NamedBytes } from '@holdfast/identity'
import { computedLabels, secretData, secretSpec, specTypeUrl, typeOf } from '@holdfast/model'
import type { ControlPlaneStore, LocalChange, LocalOutcome } from '@holdfast/store'

const pageSize = 1_000

/** Every GlobalSecret of the store, or every Secret of a mesh. */
export async function readSecrets(store: ControlPlaneStore, mesh?: string): Promise<readonly NamedBytes[]> {
  const type = mesh === undefined ? 'GlobalSecret' : 'Secret'
  const found: NamedBytes[] = []
  for (let offset = 0; ; offset += pageSize) {
    const query = { type, ...(mesh === undefined ? {} : { mesh }), offset, limit: pageSize }
    const { total, items } = await store.read.list(query)
    found.push(...items.map(({ name, spec }) => ({ name, data: secretData(spec) })))
    if (items.length === 0 || offset + pageSize >= total) return found
  }
}

export interface SecretWrite {
  /** Absent: a GlobalSecret. */
  readonly mesh?: string | undefined
  readonly name: string
  readonly data: Uint8Array
  /** Only if there is none of that name: of two that make one the first wins. */
  readonly onlyIfNew: boolean
}

/** Writes a secret of this control plane's own. @throws the Problem with which it was refused */
export async function writeSecret(
  store: ControlPlaneStore,
  place: { readonly role: 'global' | 'zone'; readonly zone: string; readonly actor: string },
  write: SecretWrite,
): Promise<LocalOutcome['outcome']> {
  const { mesh = '', name, data, onlyIfNew } = write
  const type = typeOf(write.mesh === undefined ? 'GlobalSecret' : 'Secret')
  const change: LocalChange = {
    change: 'put',
    key: { type: type.name, mesh, name },
    content: {
      labels: computedLabels(type, mesh, name, place.role, place.zone, {}),
      typeUrl: specTypeUrl(type),
      spec: secretSpec(data),
    },
    namespace: '',
    displayName: name,
    wantsVip: false,
    ...(onlyIfNew ? { generated: { status: undefined, ifRevision: 0 } } : {}),
  }
  const signal = AbortSignal.timeout(writeTimeoutMs)
  const [outcome] = await store.local.apply({ changes: [change], atomic: true, actor: place.actor }, { signal })
  if (outcome?.outcome === 'refused') throw outcome.problem
  return outcome?.outcome ?? 'unchanged'
}

const writeTimeoutMs = 30_000
