import { Problem } from '@holdfast/model'
import { badRequest } from '../http/errors.js'
import { type ApiRequest, ok, type Route } from '../http/route.js'
import type { ApiContext } from '../options.js'
import { overviewJson } from '../recovery/overview.js'
import { rebuildLedger, releaseVip } from '../recovery/rebuild.js'
import { finishRecovery, recoverFromZone } from '../recovery/recover.js'
import { subjectOf } from '../vips/explain.js'

const title = 'Could not recover'

/** One page of how things stand, and what an operator does after a loss of global's store. */
export function recoveryRoutes(context: ApiContext): readonly Route[] {
  const { store, sync, mode } = context
  const atGlobal = (): void => {
    if (mode !== 'global')
      throw new Problem(
        'readOnly',
        'this is a zone: what global lost is recovered at global, and what a zone lost comes back from global by itself',
      )
  }
  return [
    {
      method: 'GET',
      path: '/_holdfast/overview',
      title,
      handle: async () => ok(await overviewJson(context)),
    },
    {
      method: 'GET',
      path: '/_holdfast/recovery',
      title,
      handle: async () => {
        const { state, reasons, head } = await store.status()
        const waits = state === 'recovering' ? (sync.recoveryWaits?.() ?? []) : []
        return ok({ state, reasons: state === 'ready' ? [] : reasons, epoch: head.epoch, waits })
      },
    },
    {
      method: 'POST',
      path: '/_holdfast/recovery/from-zone',
      title,
      changes: isApplied,
      handle: async (request) => {
        const { zone, apply } = fieldsOf(request)
        atGlobal()
        if (typeof zone !== 'string' || zone === '') throw badRequest('"zone" must name the zone to recover from')
        const { actor, signal } = request
        return ok(await recoverFromZone(context, zone, { apply: apply === true, actor: actor.name, signal }))
      },
    },
    {
      method: 'POST',
      path: '/_holdfast/vips/rebuild',
      title: 'Could not rebuild the ledger',
      changes: isApplied,
      handle: async (request) => {
        const { actor, signal } = request
        return ok(await rebuildLedger(context, { apply: fieldsOf(request).apply === true, actor: actor.name, signal }))
      },
    },
    {
      method: 'POST',
      path: '/_holdfast/vips/release',
      title: 'Could not release a VIP',
      handle: async ({ query, actor }) =>
        ok(await releaseVip(context, subjectOf(query, { required: true }), actor.name)),
    },
    {
      method: 'POST',
      path: '/_holdfast/recovery/finish',
      title,
      handle: async (request) => {
        const { confirmed } = fieldsOf(request)
        atGlobal()
        return ok(await finishRecovery(context, { confirmed: confirmed === true, actor: request.actor.name }))
      },
    },
  ]
}

const isApplied = (request: ApiRequest): boolean => fieldsOf(request).apply === true

export function fieldsOf({ body }: ApiRequest): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(body || '{}')
  } catch (error) {
    throw badRequest(`the body is no JSON: ${(error as Error).message}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badRequest('the body must be an object')
  return value as Readonly<Record<string, unknown>>
}
