import { Problem } from '@holdfast/model'
import { badRequest, titles, underTitle } from '../http/errors.js'
import { type ApiRequest, ok, param, type Route } from '../http/route.js'
import type { ApiContext } from '../options.js'
import { lackingQuestion, readLacking } from '../zones/lacking.js'
import { adoptionJson, decommissionJson, zoneNameJson } from '../zones/names-json.js'

/** Whose a zone's name is. Giving it away tells first what would happen (`GET`), and does it on `POST`. */
export function zoneNameRoutes({ store, sync, mode }: ApiContext): readonly Route[] {
  const refused = mode === 'global' ? undefined : 'names of zones are kept at global: ask there'
  const peerOf = (zone: string) => sync.peers().find(({ peer }) => peer === zone)

  /** A zone that is connected to this very process is told with the address that it dials from. */
  const adopt = async (request: ApiRequest, storeId: string | undefined, apply: boolean) => {
    const zone = param(request, 'zone')
    try {
      const adoption = await store.returns.adopt({ zone, storeId, actor: request.actor.name, apply })
      const lacking = await lackingOf(zone, request.signal)
      return ok({ ...adoptionJson(adoption, await store.read.counts()), ...lacking })
    } catch (error) {
      const address = peerOf(zone)?.address
      if (error instanceof Problem && error.kind === 'conflict' && address !== undefined)
        throw underTitle(new Problem('conflict', `${error.message}; it dials from ${address}`), titles.zone)
      throw underTitle(error, titles.zone)
    }
  }
  /** What a zone of ours that is connected has, and global does not; nothing of one that cannot be asked. */
  const lackingOf = async (zone: string, signal: AbortSignal) => {
    if (peerOf(zone)?.connected !== true) return { lacking: [], notAsked: `zone ${zone} is not connected` }
    try {
      return { lacking: readLacking(await sync.askZone(zone, lackingQuestion, {}, { signal })), notAsked: null }
    } catch (error) {
      return { lacking: [], notAsked: (error as Error).message }
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
      handle: (request) => adopt(request, request.query.get('storeId') || undefined, false),
    },
    {
      method: 'POST',
      path,
      title: titles.zone,
      refused,
      handle: (request) => adopt(request, storeIdOf(request), true),
    },
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
