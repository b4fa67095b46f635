import {
  keyIdOf,
  publicKeyPem,
  readRsaKey,
  signingKeyName,
  signingKeyPrefix,
  zonePublicKeyPrefix,
} from '@holdfast/identity'
import { displayNameLabel, type Labels, secretData } from '@holdfast/model'
import type { Leases } from '@holdfast/peer'
import type { ControlPlaneStore } from '@holdfast/store'
import type { Logger } from 'pino'
import { upkeepLease } from '../commands/upkeep.js'
import type { Scope } from '../lifecycle/scope.js'
import { type SecretRemoval, type SecretWrite, writeSecrets } from './secrets.js'

/** A secret as far as it matters here. */
export interface LabelledBytes {
  readonly name: string
  readonly data: Uint8Array
  readonly labels: Labels
}

/** The public half of a key of zone tokens as zones get it: as with Kuma, it says in a label which key it is the half of. */
export const publishedKey = (keyId: string, pem: string): LabelledBytes => ({
  name: signingKeyName(zonePublicKeyPrefix, keyId),
  data: Buffer.from(pem, 'utf8'),
  labels: { [displayNameLabel]: signingKeyName(signingKeyPrefix('zone'), keyId) },
})

/**
 * What is to be written so that zones have the public half of each private key of zone tokens, whoever has written that, and
 * none of a key that is gone. A public half that somebody has put there alone, for tokens issued elsewhere, is left alone.
 */
export function publishedKeyWrites(secrets: readonly LabelledBytes[]): readonly (SecretWrite | SecretRemoval)[] {
  const byName = new Map(secrets.map((secret) => [secret.name, secret]))
  const wanted = secrets.flatMap(({ name, data }) => {
    const keyId = keyIdOf(signingKeyPrefix('zone'), name)
    const key = keyId === undefined ? undefined : readRsaKey(data)
    return keyId === undefined || key?.type !== 'private' ? [] : [publishedKey(keyId, publicKeyPem(key))]
  })
  const changed = wanted.flatMap((write) => {
    const there = byName.get(write.name)
    if (there !== undefined && Buffer.compare(there.data, write.data) === 0) return []
    // One of an older release has no label, and labels that name a resource are never given afterwards.
    return [{ ...write, labels: there?.labels ?? write.labels, onlyIfNew: false }]
  })
  const gone = secrets.filter(({ name, labels }) => {
    const keyId = keyIdOf(zonePublicKeyPrefix, name)
    const of = keyId === undefined ? undefined : signingKeyName(signingKeyPrefix('zone'), keyId)
    return of !== undefined && labels[displayNameLabel] === of && !byName.has(of)
  })
  return [...changed, ...gone.map(({ name }) => ({ name, remove: true as const }))]
}

const secretsMax = 10_000

/** Every GlobalSecret of global's own. */
async function labelledSecrets(store: ControlPlaneStore): Promise<readonly LabelledBytes[]> {
  const { items } = await store.read.list({ type: 'GlobalSecret', offset: 0, limit: secretsMax })
  return items.map(({ name, spec, labels }) => ({ name, data: secretData(spec), labels }))
}

/** How long zones may have an old half of a key that was replaced by hand. */
const everyMs = 1_000

/** Looks after it at global until `scope` closes, whenever something was written; one process at a time. */
export function publishKeys(parts: {
  readonly store: ControlPlaneStore
  readonly leases: Leases
  readonly log: Logger
  readonly scope: Scope
}): void {
  const { store, leases, log, scope } = parts
  let moved = true
  let round: Promise<void> | undefined
  const stopListening = store.onAdvanced(() => {
    moved = true
  })
  const timer = setInterval(() => {
    if (!moved || round !== undefined || leases.held(upkeepLease) === undefined) return
    moved = false
    round = (async () => {
      const writes = publishedKeyWrites(await labelledSecrets(store))
      if (writes.length === 0) return
      await writeSecrets(store, { role: 'global', zone: '', actor: 'holdfast' }, writes)
      log.info({ secrets: writes.map(({ name }) => name) }, 'public halves of keys of zone tokens follow their keys')
    })()
      .catch((error: unknown) => {
        moved = true
        log.warn({ err: error }, 'public halves of keys of zone tokens were not written; trying again')
      })
      .finally(() => {
        round = undefined
      })
  }, everyMs)
  scope.own('public halves of keys', async () => {
    stopListening()
    clearInterval(timer)
    await round
  })
}
