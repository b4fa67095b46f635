import { findType, type Origin, Problem } from '@holdfast/model'
import type { Row } from '@holdfast/store'
import { titles } from '../http/errors.js'
import { ok, param, type Route } from '../http/route.js'
import type { ApiContext } from '../options.js'
import { checkAccess } from '../resources/permissions.js'
import { peerName } from '../sync/sync-json.js'
import { limitOf } from '../vips/limit.js'

/** Types that this control plane does not know: what peers have told of them, and the resources that are kept raw. */
export function typeRoutes({ store }: ApiContext): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/_holdfast/types',
      title: titles.list,
      handle: async () => {
        const [learned, counts] = await Promise.all([store.types.learned(), store.read.counts()])
        const countOf = (name: string): number =>
          counts.resources.filter(({ type }) => type === name).reduce((sum, { count }) => sum + count, 0)
        return ok({
          items: learned.map(({ peer, typeSet, types, refused }) => ({
            peer: peerName(peer),
            typeSet,
            types: types.map((type) => ({
              ...type,
              known: findType(type.name) !== undefined,
              resources: countOf(type.name),
            })),
            refused,
          })),
        })
      },
    },
    {
      method: 'GET',
      path: '/_holdfast/raw/:type',
      title: titles.list,
      handle: async (request) => {
        const type = param(request, 'type')
        const known = findType(type)
        // What is known has a place of its own, with its own rules: secrets are not shown to whoever asks here.
        if (known !== undefined)
          throw new Problem('invalid', `${type} is known here${known.path === undefined ? '' : `: GET /${known.path}`}`)
        // Of what is not known nobody can say that it is no secret.
        checkAccess({ name: type, admin: true }, request.actor)
        const { total, items } = await store.read.list({ type, offset: 0, limit: limitOf(request.query) })
        return ok({ total, items: items.map(rawJson) })
      },
    },
  ]
}

/** As it came: nothing is read into it. */
const rawJson = (row: Row) => ({
  type: row.type,
  mesh: row.mesh,
  name: row.name,
  zone: zoneOf(row.origin),
  labels: row.labels,
  typeUrl: row.typeUrl,
  spec: Buffer.from(row.spec).toString('base64'),
  shown: row.audience === 'all',
})

const zoneOf = (origin: Origin): string | null => (origin === '' ? null : origin)
