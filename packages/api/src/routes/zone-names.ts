import { Problem } from '@holdfast/model'
import { badRequest, titles, underTitle } from '../http/errors.js'
import { type ApiRequest, ok, param, type Route } from '../http/route.js'
import type { ApiContext } from '../options.js'
import { adoptionJson, decommissionJson, zoneNameJson } from '../zones/names-json.js'

/** Whose a zone's name is. Giving it away tells first what would happen (`GET`), and does it on `POST`. */
export function zoneNameRoutes({ store, sync, mode }: ApiContext): readonly Route[] {
  const refused = mode === 'global' ? undefined : 'names of zones are kept at global: ask there'
  const peerOf = (zone: string) => sync.peers().find(({ peer }) => peer === zone)

  /** A zone that is connected to this very process is told with the address that it dials from. */
  const adopt = async (zone: string, storeId: string | undefined, actor: string, apply: boolean) => {
    try {
      const adoption = await store.returns.adopt({ zone, storeId, actor, apply })
      return ok(adoptionJson(adoption, await store.read.counts()))
    } catch (error) {
      const address = peerOf(zone)?.address
      if (error instanceof Problem && error.kind === 'conflict' && address !== undefined)
        throw underTitle(new Problem('conflict', `${error.message}; it dials from ${address}`), titles.zone)
      throw underTitle(error, titles.zone)
    }
  }
  const decommission = async (request: ApiRequest, apply: boolean) => {
    try {
      const report = await store.returns.decommission({
        zone: param(request, 'zone'),
        actor: request.actor.name,
        apply,
      })
      return ok(decommissionJson(report))
    } catch (error) {
      throw underTitle(error, titles.zone)
    }
  }
  const path = '/_holdfast/zones/:zone/adopt'
  const out = '/_holdfast/zones/:zone/decommission'
  return [
    {
      method: 'GET',
      path: '/_holdfast/zones',
      title: titles.list,
      refused,
      handle: async () =>
        ok({ items: (await store.sessions.zones()).map((zone) => zoneNameJson(zone, peerOf(zone.name))) }),
    },
    {
      method: 'GET',
      path,
      title: titles.zone,
      refused,
      handle: (request) =>
        adopt(param(request, 'zone'), request.query.get('storeId') || undefined, request.actor.name, false),
    },
    {
      method: 'POST',
      path,
      title: titles.zone,
      refused,
      handle: (request) => adopt(param(request, 'zone'), storeIdOf(request), request.actor.name, true),
    },
    ...(['GET', 'POST'] as const).map(
      (method): Route => ({
        method,
        path: '/_holdfast/federation',
        title: titles.zone,
        refused: mode === 'global' ? 'this is global: ask the zone that is to join it' : undefined,
        handle: async ({ actor }) => {
          try {
            const { collisions, meshes } = await store.returns.federate({ actor: actor.name, apply: method === 'POST' })
            return ok({ collisions: collisions.map((one) => ({ ...one, becomes: one.becomes ?? null })), meshes })
          } catch (error) {
            throw underTitle(error, titles.zone)
          }
        },
      }),
    ),
    {
      method: 'GET',
      path: out,
      title: titles.zone,
      refused,
      handle: (request) => decommission(request, false),
    },
    {
      method: 'POST',
      path: out,
      title: titles.zone,
      refused,
      handle: (request) => decommission(request, true),
    },
  ]
}

/** `{"storeId": "…"}`, or `{}`: then it is the store that has asked for the name last. */
function storeIdOf({ body = '' }: ApiRequest): string | undefined {
  try {
    const { storeId }: { storeId?: unknown } = JSON.parse(body)
    if (storeId === undefined || (typeof storeId === 'string' && uuid.test(storeId))) return storeId
  } catch {
    // Told below.
  }
  throw badRequest(
    'the body must be {"storeId": "<UUID of the store>"}, or {} for the one that has asked for the name last',
  )
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
