import { EstateReader, servicesOf } from '@holdfast/api'
import {
  clusterIdConfig,
  displayNameLabel,
  isPlainObject,
  type JsonObject,
  serviceInsightSpec,
  specJson,
  specTypeUrl,
  typeOf,
} from '@holdfast/model'
import type { Leases } from '@holdfast/peer'
import type { ControlPlaneStore, LocalChange, Row } from '@holdfast/store'
import type { Logger } from 'pino'
import type { Scope } from '../lifecycle/scope.js'
import { upkeepLease } from './upkeep.js'

/** As seldom as may be: each is a message to every zone. A Kuma global looks every second, and in full every 20. */
const everyMs = 5_000
const type = typeOf('ServiceInsight')

/**
 * A Kuma zone (2.13, 2.14) encrypts to a service in a mesh whose mTLS is PERMISSIVE once all proxies of it have certificates,
 * wherever they are: that it reads out of the ServiceInsight that its global sends. Without one it sends plain text for ever.
 * So global makes one for such meshes, from the first Kuma zone on; nobody else needs it.
 */
export function tellReadiness(parts: {
  readonly store: ControlPlaneStore
  readonly leases: Leases
  readonly log: Logger
  readonly scope: Scope
  readonly signal: AbortSignal
}): void {
  const { store, leases, log, scope, signal } = parts
  const estates = new EstateReader(store, Date.now)
  let round: Promise<void> | undefined
  const timer = setInterval(() => {
    const lease = leases.held(upkeepLease)
    if (round !== undefined || signal.aborted || lease === undefined) return
    round = (async () => {
      const changes = await readinessChanges(store, estates)
      if (changes.length > 0)
        await store.local.apply({ changes, atomic: false, actor: 'tls-readiness', lease }, { signal })
    })()
      .catch((error: unknown) =>
        log.warn({ err: error }, 'Kuma zones were not told who is ready for TLS; trying again'),
      )
      .finally(() => {
        round = undefined
      })
  }, everyMs)
  scope.own('readiness for TLS', async () => {
    clearInterval(timer)
    await round
  })
}

/** What is to be written so that it says what is so. */
export async function readinessChanges(
  store: ControlPlaneStore,
  estates: EstateReader,
): Promise<readonly LocalChange[]> {
  if ((await store.read.get({ type: 'Config', mesh: '', name: clusterIdConfig })) === undefined) return []
  const listed = await store.read.list({ type: type.name, offset: 0, limit: meshesMax })
  const kept = new Map(listed.items.filter(({ origin }) => origin === '').map((row) => [row.mesh, row]))
  const meshes = await store.read.list({ type: 'Mesh', offset: 0, limit: meshesMax })
  const permissive = meshes.items.filter(isPermissive)
  if (permissive.length === 0 && kept.size === 0) return []
  const estate = await estates.read()
  const wanted = new Set(permissive.map(({ name }) => name))
  const gone = [...kept.values()].filter(({ mesh }) => !wanted.has(mesh))
  return [
    ...gone.map((row): LocalChange => ({ change: 'delete', key: keyOf(row.mesh), ifRevision: row.revision })),
    ...permissive.map(({ name: mesh }): LocalChange => {
      const key = keyOf(mesh)
      const services = servicesOf(estate.proxiesOf(mesh))
      return {
        change: 'put',
        key,
        content: {
          labels: { [displayNameLabel]: key.name },
          typeUrl: specTypeUrl(type),
          spec: serviceInsightSpec(services),
        },
        namespace: '',
        displayName: key.name,
        wantsVip: false,
        generated: { status: undefined, ifRevision: kept.get(mesh)?.revision ?? 0 },
      }
    }),
  ]
}

/** More meshes than anybody has; those beyond it are told of by nobody. */
const meshesMax = 1_000

const keyOf = (mesh: string) => ({ type: type.name, mesh, name: `all-services-${mesh}` })

/** Its enabled authority lets plain text in beside TLS. */
function isPermissive(mesh: Row): boolean {
  const mtls: unknown = specJson(mesh).mtls
  if (!isObject(mtls) || !Array.isArray(mtls.backends)) return false
  return mtls.backends.some(
    (backend) => isObject(backend) && backend.name === mtls.enabledBackend && backend.mode === 'PERMISSIVE',
  )
}

const isObject = (value: unknown): value is JsonObject => isPlainObject(value as never)
