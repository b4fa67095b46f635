import { specTypeUrl, typeOf } from '@holdfast/model'
import type { ControlPlaneStore, LocalChange } from '@holdfast/store'
import type { Outcome } from './pace.js'

const churnMesh = 'churn'
/** One in so many operations deletes the mesh or makes it again. */
const meshEvery = 25
const timeoutMs = 120_000

/** Deletes a zone, makes it again, disables it, enables it, or the mesh: one of these, of one zone after the other. */
export async function disturb({ read, sessions, local }: ControlPlaneStore, n: number): Promise<Outcome> {
  const change =
    n % meshEvery === meshEvery - 1
      ? (await read.get(meshKey)) === undefined
        ? meshPut
        : ({ change: 'delete', key: meshKey } as const)
      : await ofZone(read, sessions, n)
  if (change === undefined) return 'nothing to do'
  const [outcome] = await local.apply(
    { changes: [change], atomic: true, actor: 'soak' },
    { signal: AbortSignal.timeout(timeoutMs) },
  )
  // What another operation has deleted meanwhile cannot be deleted again.
  return outcome?.outcome === 'refused' ? 'nothing to do' : 'done'
}

async function ofZone(
  read: ControlPlaneStore['read'],
  sessions: ControlPlaneStore['sessions'],
  n: number,
): Promise<LocalChange | undefined> {
  const [{ items }, met] = await Promise.all([read.list({ type: 'Zone', offset: 0, limit: 1_000 }), sessions.zones()])
  const living = new Set(items.map(({ name }) => name))
  const deleted = met.find(({ name }) => !living.has(name))
  const victim = items[(7 * n) % Math.max(1, items.length)]
  if (deleted !== undefined && n % 2 === 1) return zonePut(deleted.name, true)
  if (victim === undefined) return undefined
  return n % 3 === 0
    ? { change: 'delete', key: { type: 'Zone', mesh: '', name: victim.name } }
    : zonePut(victim.name, n % 4 !== 2)
}

const zonePut = (name: string, enabled: boolean): LocalChange => ({
  change: 'put',
  key: { type: 'Zone', mesh: '', name },
  content: {
    labels: {},
    typeUrl: specTypeUrl(typeOf('Zone')),
    spec: enabled ? Uint8Array.of(0x0a, 0x02, 0x08, 0x01) : Uint8Array.of(0x0a, 0x00),
  },
  namespace: '',
  displayName: name,
  wantsVip: false,
})

const meshKey = { type: 'Mesh', mesh: '', name: churnMesh }

/** The mesh that comes and goes. */
export const meshPut: LocalChange = {
  change: 'put',
  key: meshKey,
  content: { labels: {}, typeUrl: specTypeUrl(typeOf('Mesh')), spec: new Uint8Array() },
  namespace: '',
  displayName: churnMesh,
  wantsVip: false,
}
