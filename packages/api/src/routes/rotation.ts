import { type RotationStep, rotationSteps } from '@holdfast/identity'
import type { Violation } from '@holdfast/model'
import { ApiError, badRequest, titles, underTitle } from '../http/errors.js'
import { type ApiRequest, ok, type Route } from '../http/route.js'
import { type AuthorityStanding, type RotationView, renewQuestion } from '../identity/rotation-view.js'
import type { ApiContext } from '../options.js'

const kinds = ['user', 'zone', 'dataplane'] as const
const path = '/_holdfast/rotation'

/** Replacing what proves who is who: the authority of certificates, and the keys of tokens. */
export function rotationRoutes(context: ApiContext): readonly Route[] {
  const { mode, identity, sync } = context
  const view = (): RotationView => {
    if (identity !== undefined) return identity.rotation
    throw new ApiError('invalid', titles.rotate, 'this control plane has no keys of its own to replace')
  }
  return [
    {
      method: 'GET',
      path,
      title: titles.list,
      handle: async () => {
        const { authorities, signingKeys } = await view().standing()
        return ok({ authorities: authorities.map(shown), signingKeys })
      },
    },
    {
      method: 'POST',
      path: `${path}/authority`,
      title: titles.rotate,
      refused: mode === 'global' ? undefined : 'zones have their certificates from global: rotate its authority there',
      handle: async (request) => {
        const { step, force = false } = fields(request)
        const problems: Violation[] = []
        if (!isStep(step)) problems.push({ path: 'step', message: `must be one of ${rotationSteps.join(', ')}` })
        if (typeof force !== 'boolean') problems.push({ path: 'force', message: 'must be true or false' })
        if (!isStep(step) || typeof force !== 'boolean') throw invalidBody(problems)
        const ask = (zone: string): Promise<unknown> =>
          sync.askZone(zone, renewQuestion, {}, { signal: AbortSignal.timeout(context.limits.zoneAnswerTimeoutMs) })
        const wish = { step, force, actor: request.actor.name, ask }
        const { authorities, ...rotated } = await titled(view().rotateAuthority(wish))
        return ok({ ...rotated, authorities: authorities.map(shown) })
      },
    },
    {
      method: 'POST',
      path: `${path}/signing-key`,
      title: titles.rotate,
      handle: async (request) => {
        const { kind, mesh = '', retire = false } = fields(request)
        const known = kinds.find((one) => one === kind)
        const problems: Violation[] = []
        if (known === undefined) problems.push({ path: 'kind', message: `must be one of ${kinds.join(', ')}` })
        if (typeof mesh !== 'string' || (mesh === '') === (known === 'dataplane'))
          problems.push({ path: 'mesh', message: 'is said for dataplane, and for nothing else' })
        if (typeof retire !== 'boolean') problems.push({ path: 'retire', message: 'must be true or false' })
        if (known === undefined || problems.length > 0) throw invalidBody(problems)
        const wish = { kind: known, mesh: String(mesh), retire: retire === true, actor: request.actor.name }
        return ok(await titled(view().rotateSigningKey(wish)))
      },
    },
  ]
}

const isStep = (value: unknown): value is RotationStep => rotationSteps.some((step) => step === value)

const shown = ({ notAfterMs, ...authority }: AuthorityStanding) => ({
  ...authority,
  notAfter: new Date(notAfterMs).toISOString(),
})

const invalidBody = (problems: readonly Violation[]): ApiError =>
  new ApiError('invalid', titles.rotate, 'Resource is not valid', problems)

function fields({ body = '' }: ApiRequest): Readonly<Record<string, unknown>> {
  try {
    const read: unknown = body === '' ? {} : JSON.parse(body)
    if (typeof read === 'object' && read !== null && !Array.isArray(read)) return read as Record<string, unknown>
  } catch {
    // Told below.
  }
  throw badRequest('the body must be a JSON object')
}

async function titled<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw underTitle(error, titles.rotate)
  }
}
