import { titles, underTitle } from '../http/errors.js'
import { linkWith } from '../http/list-query.js'
import { type Answer, type ApiRequest, ok, type Route } from '../http/route.js'
import type { ApiContext } from '../options.js'
import type { Resources } from '../resources/service.js'
import type { ClaimReader } from '../vips/claims.js'
import { explainVip, subjectOf } from '../vips/explain.js'
import { blockJson, eventJson, ledgerJson } from '../vips/json.js'
import { limitOf } from '../vips/limit.js'
import { addPool, listPools } from '../vips/pools.js'
import { verifyVips } from '../vips/verify.js'
import { fieldsOf } from './recovery.js'

/** Everything about who has which VIP, had it before, and whether all agree. */
export function vipRoutes(context: ApiContext, resources: Resources, claims: ClaimReader): readonly Route[] {
  const { store } = context
  const get = (path: string, handle: (request: ApiRequest) => Promise<Answer>): Route => ({
    method: 'GET',
    path,
    title: titles.vip,
    handle: (request) =>
      handle(request).catch((error: unknown) => {
        throw underTitle(error, titles.vip)
      }),
  })
  return [
    get('/_holdfast/vips', async (request) => {
      const { query } = request
      const subject = subjectOf(query, { required: false })
      const after = query.get('after') || undefined
      const page = await store.vip.ledger({
        ...subject,
        includeTombstoned: query.get('deleted') === 'true',
        after,
        limit: limitOf(query),
      })
      return ok({
        items: page.items.map(ledgerJson),
        next: page.next === undefined ? null : linkWith(request, { after: page.next }),
      })
    }),
    get('/_holdfast/vips/explain', async ({ query }) =>
      ok(await explainVip(context, subjectOf(query, { required: true }))),
    ),
    get('/_holdfast/vips/history', async ({ query }) => {
      const { address, ...owner } = subjectOf(query, { required: false })
      const items = await store.vip.history({ ...definedOnly(owner), ...definedOnly({ address }) }, limitOf(query))
      return ok({ items: items.map(eventJson) })
    }),
    get('/_holdfast/vips/verify', async ({ signal }) => ok(await verifyVips(context, resources, claims, signal))),
    get('/_holdfast/vips/blocks', async () => ok({ items: (await store.vip.blocks()).map(blockJson) })),
    get('/_holdfast/vips/pools', async () => ok(await listPools(context))),
    {
      method: 'POST',
      path: '/_holdfast/vips/pools',
      title: 'Could not add a VIP pool',
      changes: (request) => fieldsOf(request).apply === true,
      handle: async (request) => ok(await addPool(context, fieldsOf(request), request.actor.name)),
    },
  ]
}

type Defined<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> }

const definedOnly = <T extends object>(value: T): Defined<T> =>
  Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as Defined<T>
