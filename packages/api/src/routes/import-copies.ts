import type { Batch } from '@holdfast/kds'
import {
  contentHash,
  copyResource,
  type ExportedResource,
  findType,
  hex,
  type JsonObject,
  wireKey,
} from '@holdfast/model'
import type { ControlPlaneStore } from '@holdfast/store'
import { ApiError, badRequest, titles } from '../http/errors.js'
import { ok, type Route } from '../http/route.js'
import type { ApiContext } from '../options.js'

const title = 'Could not import copies'

type Verdict =
  | { readonly verdict: 'create' | 'here' | 'met' }
  | { readonly verdict: 'refused'; readonly reason: string }

/**
 * `POST /_holdfast/import/copies`: `{zone, objects, apply}`, what a zone owns and has not told this global itself yet, as
 * another global kept it. Other zones see it as if that zone had said it, so that nobody loses it while zones move one by
 * one. A zone that was met speaks for itself, and nothing of this is taken any more.
 */
export function importCopiesRoute({ store, limits, mode, nowMs }: ApiContext): Route {
  return {
    method: 'POST',
    path: '/_holdfast/import/copies',
    title,
    bodyMaxBytes: limits.bulkBodyBytes,
    changes: ({ body = '' }) => readBody(body).apply,
    handle: async ({ body = '', actor, source, signal }) => {
      if (mode !== 'global')
        throw new ApiError('readOnly', title, 'copies of what zones own are kept by a global alone')
      const { zone, objects, apply } = readBody(body)
      if (apply && !actor.admin)
        throw new ApiError(
          'forbidden',
          titles.denied,
          'copies are imported by administrators only; without "apply" anybody may ask',
        )
      if (await isMet(store, zone)) return ok({ applied: false, items: objects.map(() => ({ verdict: 'met' })) })
      const read = objects.map((object) => resourceOf(zone, object))
      const verdicts = await Promise.all(read.map((each) => verdictOf(store, each)))
      if (apply) await keep(store, { zone, importedBy: { actor: actor.name, source } }, read, verdicts, nowMs(), signal)
      return ok({ applied: apply, items: verdicts })
    },
  }
}

/** In either role of a peer: with a session, ever, or with a store of its own. */
async function isMet(store: ControlPlaneStore, zone: string): Promise<boolean> {
  const [sessions, zones] = [await store.sessions.list(), await store.sessions.zones()]
  return (
    sessions.some(({ peer }) => peer === zone) ||
    zones.some(({ name, storeId }) => name === zone && storeId !== undefined)
  )
}

function readBody(text: string) {
  let body: { readonly zone?: unknown; readonly objects?: unknown; readonly apply?: unknown } | null
  try {
    body = JSON.parse(text)
  } catch (error) {
    throw badRequest(`the body is not JSON: ${(error as Error).message}`)
  }
  if (typeof body?.zone !== 'string' || body.zone === '') throw badRequest('"zone" must name the zone that owns them')
  if (!Array.isArray(body.objects)) throw badRequest('"objects" must be a list')
  return { zone: body.zone, objects: body.objects as readonly unknown[], apply: body.apply === true }
}

function resourceOf(zone: string, object: unknown): ExportedResource | string {
  const name = (object as JsonObject | null)?.type
  const type = typeof name === 'string' ? findType(name) : undefined
  if (type === undefined || !type.zoneToGlobal) return `${JSON.stringify(name)} is no type that zones send`
  return copyResource({ type, zone, object: object as JsonObject })
}

async function verdictOf(store: ControlPlaneStore, resource: ExportedResource | string): Promise<Verdict> {
  if (typeof resource === 'string') return { verdict: 'refused', reason: resource }
  return { verdict: (await store.read.get(resource)) === undefined ? 'create' : 'here' }
}

/** As the zone itself would say it, type by type; what is refused is refused for the same reasons. */
async function keep(
  store: ControlPlaneStore,
  { zone, importedBy }: { readonly zone: string; readonly importedBy: Batch['importedBy'] },
  read: readonly (ExportedResource | string)[],
  verdicts: Verdict[],
  nowMs: number,
  signal: AbortSignal,
): Promise<void> {
  const channel = store.channel({ channel: 'up', peer: zone })
  const due = read.flatMap((resource, i) =>
    typeof resource !== 'string' && verdicts[i]?.verdict === 'create' ? [{ resource, i }] : [],
  )
  for (const type of new Set(due.map(({ resource }) => resource.type))) {
    const ofType = due.filter(({ resource }) => resource.type === type)
    const offers = ofType.map(({ resource }) => ({ version: hex(contentHash(resource)), resource }))
    const batch = { type, offers, removals: [], absent: [], importedBy }
    const { refused } = await channel.perform({ op: 'apply', batch, nowMs }, { signal })
    const reasons = new Map(refused.map(({ key, reason }) => [key, reason]))
    for (const { resource, i } of ofType) {
      const reason = reasons.get(wireKey(resource.mesh, resource.name))
      if (reason !== undefined) verdicts[i] = { verdict: 'refused', reason }
    }
  }
}
