import type { HoldDecision, HoldRequest } from '@holdfast/store'
import { absentJson, heldKeyJson, holdJson } from '../guards/hold-json.js'
import { ApiError, badRequest, titles, underTitle } from '../http/errors.js'
import { type ApiRequest, ok, param, type Route } from '../http/route.js'
import type { ApiContext } from '../options.js'
import { limitOf } from '../vips/limit.js'

const title = 'Could not decide about a hold'
const idPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const namesMax = 1_000

/** Suspicious absences: what is kept, for how long, and what an operator decides about it. */
export function holdRoutes({ store: { guards, read } }: ApiContext): readonly Route[] {
  const decide = (verb: string, act: (request: HoldRequest) => Promise<HoldDecision>): Route => ({
    method: 'POST',
    path: `/_holdfast/holds/:id/${verb}`,
    title,
    async handle(request) {
      const { actor } = request
      if (!actor.admin)
        throw new ApiError('forbidden', titles.denied, `user ${JSON.stringify(actor.name)} may not ${verb} a hold`)
      const decided = await act({ id: idOf(request), actor: actor.name, seen: seenOf(request.body ?? '') }).catch(
        (error: unknown) => {
          throw underTitle(error, title)
        },
      )
      return ok({ ...holdJson(decided.hold), decided: decided.resources })
    },
  })
  return [
    {
      method: 'GET',
      path: '/_holdfast/holds',
      title: titles.list,
      async handle({ query }) {
        const limit = limitOf(query)
        const holds = query.get('all') === 'true' ? await guards.holds(limit) : await read.holds()
        return ok({ items: holds.map(holdJson), absent: (await guards.absent()).map(absentJson) })
      },
    },
    {
      method: 'GET',
      path: '/_holdfast/holds/:id',
      title: titles.get,
      async handle(request) {
        const id = idOf(request)
        const hold = await guards.hold(id)
        if (hold === undefined)
          throw new ApiError(
            'missing',
            titles.get,
            `there is no hold ${id}; see those there are with 'holdfastctl hold list --all'`,
          )
        const keys = await guards.heldKeys(id, namesMax)
        return ok({
          ...holdJson(hold),
          keys: keys.map(heldKeyJson),
          keysMore: Math.max(0, hold.keyCount - keys.length),
        })
      },
    },
    decide('approve', (request) => guards.approve(request)),
    decide('reject', (request) => guards.reject(request)),
  ]
}

function idOf(request: ApiRequest): string {
  const id = param(request, 'id')
  if (idPattern.test(id)) return id.toLowerCase()
  throw badRequest(`${JSON.stringify(id)} is no id of a hold; it is a UUID, see 'holdfastctl hold list'`)
}

/** `{"resources": 30}`: how many whoever decides has seen; without it the decision is about what is held, however many. */
function seenOf(body: string): number | undefined {
  const parsed = body.trim() === '' ? {} : jsonOf(body)
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw badRequest('the body must be a JSON object such as {"resources": 30}')
  const unknown = Object.keys(parsed).filter((key) => key !== 'resources')
  if (unknown.length > 0) throw badRequest(`unknown fields: ${unknown.join(', ')}; only "resources" is known`)
  const { resources } = parsed as { readonly resources?: unknown }
  if (resources === undefined) return undefined
  if (Number.isInteger(resources) && Number(resources) >= 0) return Number(resources)
  throw badRequest(`"resources" must be a number of 0 or more, not ${JSON.stringify(resources)}`)
}

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch (error) {
    throw badRequest(`the body is not valid JSON: ${(error as Error).message}`)
  }
}
