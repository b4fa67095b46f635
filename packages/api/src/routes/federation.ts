import type { JoiningService, JoinPlan } from '@holdfast/store'
import { ApiError, badRequest, titles, underTitle } from '../http/errors.js'
import { ok, type Route } from '../http/route.js'
import type { ApiContext } from '../options.js'
import { ownerJson } from '../vips/owners.js'
import { fieldsOf } from './recovery.js'

/** Services of one request: a larger zone is asked about in parts. */
const servicesMax = 10_000
const namesMax = 10_000

/**
 * A zone that ran by itself joins a global. Global tells before it does what would become of its name, blocks, meshes and
 * services; the zone tells afterwards what is still open, and does it on an operator's word.
 */
export function federationRoutes({ store, mode, limits }: ApiContext): readonly Route[] {
  return [
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
      method: 'POST',
      path: '/_holdfast/federation/plan',
      title: titles.zone,
      bodyMaxBytes: limits.bulkBodyBytes,
      refused: mode === 'global' ? undefined : 'this is a zone: ask the global that it is to join',
      handle: async (request) => {
        const { zone, storeId, blocks, meshes, services } = fieldsOf(request)
        if (typeof zone !== 'string' || zone === '') throw badRequest('"zone" must name the zone that is to join')
        if (typeof storeId !== 'string' || storeId === '')
          throw badRequest('"storeId" must be that of the zone: see GET /_holdfast/status there')
        const plan = await store.returns.planJoin({
          ...{ zone, storeId },
          blocks: textsOf(blocks, 'blocks'),
          meshes: textsOf(meshes, 'meshes'),
          services: servicesOf(services),
        })
        return ok(planJson(plan))
      },
    },
  ]
}

const planJson = ({ refused, blocks, meshes, services }: JoinPlan) => ({
  refused: refused ?? null,
  blocks: blocks.map(({ cidr, confirmed, reason }) => ({ cidr, confirmed, reason: reason ?? null })),
  meshes,
  services: services.map(({ owner, held, waiting, addresses }) => ({
    ...ownerJson(owner),
    held,
    waiting,
    addresses: addresses.map(({ address, fate, reason }) => ({ address, fate, reason: reason ?? null })),
  })),
})

function textsOf(value: unknown, field: string): readonly string[] {
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string'))
    throw badRequest(`"${field}" must be a list of texts`)
  if (value.length > namesMax) throw tooMany(value.length, field, namesMax)
  return value
}

function servicesOf(value: unknown): readonly JoiningService[] {
  if (!Array.isArray(value)) throw badRequest('"services" must be a list')
  if (value.length > servicesMax) throw tooMany(value.length, 'services', servicesMax)
  return value.map((item: unknown, index) => {
    const service = (typeof item === 'object' && item !== null ? item : {}) as Readonly<Record<string, unknown>>
    const text = (field: string): string => {
      const found = service[field] ?? ''
      if (typeof found !== 'string') throw badRequest(`"services[${index}].${field}" must be a text`)
      return found
    }
    const kind = text('kind')
    const displayName = text('name')
    if (kind === '' || displayName === '') throw badRequest(`"services[${index}]" must have a kind and a name`)
    const addresses = textsOf(service.addresses, `services[${index}].addresses`)
    return { kind, mesh: text('mesh'), namespace: text('namespace'), displayName, addresses }
  })
}

const tooMany = (count: number, field: string, max: number): ApiError =>
  new ApiError(
    'tooLarge',
    titles.zone,
    `"${field}" has ${count} entries, and at most ${max} are accepted at once; ask in parts`,
  )
