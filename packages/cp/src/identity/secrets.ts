import type { NamedBytes } from '@holdfast/identity'
import { computedLabels, type Labels, secretData, secretSpec, specTypeUrl, typeOf } from '@holdfast/model'
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
  readonly labels?: Labels | undefined
}

export interface SecretRemoval {
  readonly mesh?: string | undefined
  readonly name: string
  readonly remove: true
}

export interface SecretPlace {
  readonly role: 'global' | 'zone'
  readonly zone: string
  /** Stands in the audit log. */
  readonly actor: string
}

type Outcome = LocalOutcome['outcome']

/** Writes a secret of this control plane's own. @throws the Problem with which it was refused */
export async function writeSecret(store: ControlPlaneStore, place: SecretPlace, write: SecretWrite): Promise<Outcome> {
  const [outcome = 'unchanged'] = await writeSecrets(store, place, [write])
  return outcome
}

/**
 * Writes and removes secrets of this control plane's own in one transaction, all of it or nothing. Those that are only
 * for where there is none stand alone.
 * @throws the first Problem with which one was refused
 */
export async function writeSecrets(
  store: ControlPlaneStore,
  place: SecretPlace,
  writes: readonly (SecretWrite | SecretRemoval)[],
): Promise<readonly Outcome[]> {
  const atomic = writes.every((write) => 'remove' in write || !write.onlyIfNew)
  const request = { changes: writes.map((write) => changeOf(place, write)), atomic, actor: place.actor }
  const outcomes = await store.local.apply(request, { signal: AbortSignal.timeout(writeTimeoutMs) })
  return outcomes.map((outcome) => {
    if (outcome.outcome === 'refused') throw outcome.problem
    return outcome.outcome
  })
}

function changeOf({ role, zone }: SecretPlace, write: SecretWrite | SecretRemoval): LocalChange {
  const { mesh = '', name } = write
  const type = typeOf(write.mesh === undefined ? 'GlobalSecret' : 'Secret')
  const key = { type: type.name, mesh, name }
  if ('remove' in write) return { change: 'delete', key }
  return {
    change: 'put',
    key,
    content: {
      labels: computedLabels(type, mesh, name, role, zone, write.labels ?? {}),
      typeUrl: specTypeUrl(type),
      spec: secretSpec(write.data),
    },
    namespace: '',
    displayName: name,
    wantsVip: false,
    ...(write.onlyIfNew ? { generated: { status: undefined, ifRevision: 0 } } : {}),
  }
}

const writeTimeoutMs = 30_000
