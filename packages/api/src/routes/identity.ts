import { parseGoDuration } from '@holdfast/identity'
import { Problem, type Violation } from '@holdfast/model'
import { checkAction } from '../http/access.js'
import { ApiError, badRequest, titles, underTitle } from '../http/errors.js'
import { type Answer, type ApiRequest, ok, param, type Route } from '../http/route.js'
import type { IdentityView } from '../identity/view.js'
import type { ApiContext } from '../options.js'

const tenYearsMs = 10 * 365 * 24 * 3_600_000
const dayMs = 24 * 3_600_000

/** Tokens as `kumactl generate *-token` asks for them, and how zones come in and out. */
export function identityRoutes(context: ApiContext): readonly Route[] {
  const { mode } = context
  const refused = mode === 'global' ? undefined : 'zones are let in by global: ask there'
  const token = (path: string, handle: (request: ApiRequest, body: Body) => Promise<string>): Route => ({
    method: 'POST',
    path: `/tokens/${path}`,
    title: titles.token,
    changes: 'nothing',
    access: 'handler',
    handle: async (request) => {
      const body = bodyOf(request)
      return body === undefined ? unreadable : { status: 200, body: await handle(request, body), as: 'text' }
    },
  })
  return [
    token('user', async ({ actor }, body) => {
      checkAction(context, 'generateUserToken', actor, undefined)
      const problems: Violation[] = []
      const name = required(body, 'name', problems)
      const validForMs = lifetimeOf(body, problems)
      return issued(context, problems, (identity) =>
        identity.issue({ kind: 'user', name, groups: body.groups ?? null }, validForMs ?? 0),
      )
    }),
    token('zone', async ({ actor }, body) => {
      checkAction(
        context,
        'generateZoneToken',
        actor,
        `cannot access generate zone token for zone '${body.zone ?? ''}'`,
      )
      const problems: Violation[] = []
      if (body.scope === undefined || body.scope === null) problems.push({ path: 'scope', message: 'cannot be empty' })
      const validForMs = lifetimeOf(body, problems, tenYearsMs)
      return issued(context, problems, (identity) =>
        identity.issue({ kind: 'zone', zone: body.zone ?? '', scope: body.scope ?? null }, validForMs ?? tenYearsMs),
      )
    }),
    token('dataplane', async ({ actor }, body) => {
      checkAction(context, 'generateDpToken', actor, 'cannot access generate dataplane token')
      const problems: Violation[] = []
      const mesh = required(body, 'mesh', problems)
      const { type = '', name = '', workload = '', tags } = body
      if (!['', 'dataplane', 'ingress'].includes(type))
        problems.push({ path: 'type', message: `${type} is not a valid proxy type` })
      const validForMs = lifetimeOf(body, problems, tenYearsMs)
      return issued(context, problems, (identity) =>
        identity.issue({ kind: 'dataplane', name, mesh, tags: tags ?? {}, type, workload }, validForMs ?? tenYearsMs),
      )
    }),
    {
      method: 'POST',
      path: '/_holdfast/zones/:zone/join',
      title: titles.zone,
      access: 'handler',
      refused,
      handle: async (request) => {
        const zone = param(request, 'zone')
        checkAction(context, 'generateZoneToken', request.actor, `cannot access generate zone token for zone '${zone}'`)
        const body = bodyOf(request)
        if (body === undefined)
          throw badRequest('the body must be {"validFor": "24h", "addresses": […]}, both optional')
        const problems: Violation[] = []
        const validForMs = lifetimeOf(body, problems, dayMs) ?? dayMs
        if (validForMs <= 0) problems.push({ path: 'validFor', message: 'must be longer than nothing' })
        for (const address of body.addresses ?? [])
          if (!/^grpcs?:\/\/\S+:\d+$/.test(address))
            problems.push({ path: 'addresses', message: `must be grpcs://HOST:PORT, got ${JSON.stringify(address)}` })
        const text = await issued(context, problems, (identity) =>
          identity.joinBundle({ zone, validForMs, addresses: body.addresses ?? [], actor: request.actor.name }),
        )
        return ok(JSON.parse(text))
      },
    },
    {
      method: 'POST',
      path: '/_holdfast/zones/:zone/revoke',
      title: titles.zone,
      // Somebody is kept out at once, whatever else may not be changed.
      changes: 'nothing',
      refused,
      handle: async (request) => {
        const zone = param(request, 'zone')
        const { revokedAtMs } = await issued(context, [], (identity) => identity.revokeZone(zone, request.actor.name))
        return ok({ zone, revokedAt: new Date(revokedAtMs).toISOString() })
      },
    },
  ]
}

interface Body {
  readonly name?: string | undefined
  readonly groups?: readonly string[] | null | undefined
  readonly zone?: string | undefined
  readonly scope?: readonly string[] | null | undefined
  readonly mesh?: string | undefined
  readonly tags?: Readonly<Record<string, readonly string[]>> | null | undefined
  readonly type?: string | undefined
  readonly workload?: string | undefined
  readonly validFor?: string | undefined
  readonly addresses?: readonly string[] | undefined
}

/** Kuma says nothing at all about such a body. */
const unreadable: Answer = { status: 400, body: '', as: 'nothing' }

const isText = (value: unknown): boolean => typeof value === 'string'
const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText)
const isNullOr =
  (check: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    value === null || check(value)
const shape: Readonly<Record<keyof Body, (value: unknown) => boolean>> = {
  name: isText,
  groups: isNullOr(isTexts),
  zone: isText,
  scope: isNullOr(isTexts),
  mesh: isText,
  tags: isNullOr(
    (value) => typeof value === 'object' && !Array.isArray(value) && Object.values(value as object).every(isTexts),
  ),
  type: isText,
  workload: isText,
  validFor: isText,
  addresses: isTexts,
}

function bodyOf({ body = '' }: ApiRequest): Body | undefined {
  try {
    const read: unknown = JSON.parse(body)
    if (typeof read !== 'object' || read === null || Array.isArray(read)) return undefined
    const fits = Object.entries(shape).every(([key, check]) => {
      const value = (read as Readonly<Record<string, unknown>>)[key]
      return value === undefined || check(value)
    })
    return fits ? (read as Body) : undefined
  } catch {
    return undefined
  }
}

function required(body: Body, key: 'name' | 'mesh', problems: Violation[]): string {
  const value = body[key] ?? ''
  if (value === '') problems.push({ path: key, message: 'cannot be empty' })
  return value
}

/** Kuma's rules, its doubled message included: a user's token must say how long, the others may leave it out. */
function lifetimeOf(body: Body, problems: Violation[], fallbackMs?: number): number | undefined {
  const { validFor = '' } = body
  if (validFor === '') {
    if (fallbackMs === undefined) problems.push({ path: 'validFor', message: 'cannot be empty' })
    return fallbackMs
  }
  const validForMs = parseGoDuration(validFor)
  if (validForMs === undefined)
    problems.push({ path: 'validFor', message: `is invalid: time: invalid duration ${JSON.stringify(validFor)}` })
  if (fallbackMs === undefined && (validForMs === undefined || validForMs === 0))
    problems.push({ path: 'validFor', message: 'cannot be empty or nil' })
  return validForMs === 0 ? fallbackMs : validForMs
}

async function issued<T>(
  { identity }: ApiContext,
  problems: readonly Violation[],
  work: (identity: IdentityView) => Promise<T>,
): Promise<T> {
  if (problems.length > 0) throw new ApiError('invalid', titles.token, 'Resource is not valid', problems)
  if (identity === undefined)
    throw new ApiError('invalid', titles.issue, 'issuing tokens using the control plane is disabled.')
  try {
    return await work(identity)
  } catch (error) {
    if (error instanceof Problem && error.kind === 'missing') throw new ApiError('missing', titles.key, error.message)
    throw underTitle(error, titles.issue)
  }
}
