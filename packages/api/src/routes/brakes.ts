import { brakeJson } from '../brakes/json.js'
import { badRequest, titles, underTitle } from '../http/errors.js'
import { type ApiRequest, ok, param, type Route } from '../http/route.js'
import type { ApiContext } from '../options.js'
import { fieldsOf } from './recovery.js'

const reasonMax = 500

/** What an operator stops on purpose: one zone, or all changes by operators. They work whatever else is stopped. */
export function brakeRoutes({ store, mode }: ApiContext): readonly Route[] {
  const refused = mode === 'global' ? undefined : 'zones are paused at global: ask there'
  const pause = (verb: 'pause' | 'resume'): Route => ({
    method: 'POST',
    path: `/_holdfast/zones/:zone/${verb}`,
    title: titles.zone,
    refused,
    changes: 'nothing',
    handle: async (request) => {
      const paused = verb === 'pause'
      const done = await store.brakes
        .pause({
          zone: param(request, 'zone'),
          paused,
          actor: request.actor.name,
          reason: paused ? reasonOf(request) : '',
        })
        .catch((error: unknown) => {
          throw underTitle(error, titles.zone)
        })
      return ok({ zone: done.zone, changed: done.changed, paused: brakeJson(done.paused) })
    },
  })
  const path = '/_holdfast/read-only'
  const set = (method: 'PUT' | 'DELETE'): Route => ({
    method,
    path,
    title: titles.conflict,
    changes: 'nothing',
    handle: async (request) => {
      const readOnly = method === 'PUT'
      const reason = readOnly ? reasonOf(request) : ''
      const done = await store.brakes.readOnly({ readOnly, actor: request.actor.name, reason })
      return ok({ changed: done.changed, readOnly: brakeJson(done.readOnly) })
    },
  })
  return [
    pause('pause'),
    pause('resume'),
    {
      method: 'GET',
      path,
      title: titles.get,
      handle: async () => ok({ readOnly: brakeJson((await store.status()).readOnly) }),
    },
    set('PUT'),
    set('DELETE'),
  ]
}

/** `{"reason": "…"}`, or `{}`. */
function reasonOf(request: ApiRequest): string {
  const { reason = '', ...rest } = fieldsOf(request)
  const unknown = Object.keys(rest)
  if (unknown.length > 0) throw badRequest(`unknown fields: ${unknown.join(', ')}; only "reason" is known`)
  if (typeof reason === 'string' && reason.length <= reasonMax) return reason
  throw badRequest(`"reason" must be a text of at most ${reasonMax} characters`)
}
