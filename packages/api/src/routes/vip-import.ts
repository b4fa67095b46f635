import type { Violation, VipClaim } from '@holdfast/model'
import type { ImportedVerdict } from '@holdfast/store'
import { ApiError, badRequest, notValid, titles } from '../http/errors.js'
import { ok, type Route } from '../http/route.js'
import type { ApiContext } from '../options.js'

const title = 'Could not import VIPs'
const claimsMax = 20_000

/**
 * `POST /_holdfast/vips/import`: `{claims, apply}`, addresses that services have in zones of another control plane. Answers
 * what would become of each (`items`, in the same order): an alias of its zone, everybody's address, known already, or
 * refused with a reason. Changes something with `apply` only, and the same again does nothing.
 */
export function vipImportRoute({ store, limits }: ApiContext): Route {
  return {
    method: 'POST',
    path: '/_holdfast/vips/import',
    title,
    bodyMaxBytes: limits.bulkBodyBytes,
    changes: ({ body = '' }) => readBody(body).apply,
    handle: async ({ body = '', actor }) => {
      const { claims, apply } = readBody(body)
      if (apply && !actor.admin)
        throw new ApiError(
          'forbidden',
          titles.denied,
          'addresses are imported by administrators only; without "apply" anybody may ask',
        )
      const verdicts = await store.vip.importAddresses({
        claims: claims.map(({ zone, inZone, name, ...rest }) => ({
          ...rest,
          origin: zone ?? '',
          displayName: name,
          zone: inZone,
        })),
        actor: actor.name,
        apply,
      })
      return ok({ applied: apply, items: claims.map((claim, i) => ({ ...claim, ...verdictJson(verdicts[i]) })) })
    },
  }
}

const verdictJson = (verdict: ImportedVerdict | undefined) =>
  verdict?.verdict === 'refused'
    ? { verdict: 'refused', reason: verdict.reason }
    : { verdict: verdict?.verdict ?? 'here' }

function readBody(text: string): { readonly claims: readonly VipClaim[]; readonly apply: boolean } {
  let body: { readonly claims?: unknown; readonly apply?: unknown } | null
  try {
    body = JSON.parse(text)
  } catch (error) {
    throw badRequest(`the body is not JSON: ${(error as Error).message}`)
  }
  const claims = body?.claims
  if (!Array.isArray(claims)) throw badRequest('"claims" must be a list')
  if (claims.length > claimsMax)
    throw new ApiError(
      'tooLarge',
      title,
      `the list has ${claims.length} claims, and at most ${claimsMax} are accepted at once; send them in parts`,
    )
  const violations: Violation[] = []
  const read = claims.map((claim, i) => readClaim(claim, `claims[${i}]`, violations))
  if (violations.length > 0) throw notValid(title, violations)
  return { claims: read, apply: body?.apply === true }
}

function readClaim(value: unknown, path: string, violations: Violation[]): VipClaim {
  const claim = (typeof value === 'object' && value !== null ? value : {}) as Readonly<Record<string, unknown>>
  const text = (key: string, isRequired: boolean): string => {
    const field = claim[key] ?? ''
    if (typeof field !== 'string' || (isRequired && field === ''))
      violations.push({ path: `${path}.${key}`, message: isRequired ? 'must be a text' : 'must be a text or absent' })
    return typeof field === 'string' ? field : ''
  }
  const zone = text('zone', false)
  return {
    kind: text('kind', true),
    mesh: text('mesh', true),
    zone: zone === '' ? null : zone,
    namespace: text('namespace', false),
    name: text('name', true),
    inZone: text('inZone', true),
    address: text('address', true),
  }
}
