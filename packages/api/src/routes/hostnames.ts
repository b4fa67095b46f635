import { allTypes } from '@holdfast/model'
import { ApiError, notFound } from '../http/errors.js'
import { ok, param, type Route } from '../http/route.js'
import type { ApiContext } from '../options.js'
import { checkMesh, living } from '../resources/meshes.js'
import type { Resources } from '../resources/service.js'

const missing = 'could not retrieve service'
const kinds = allTypes.filter((type) => type.vipKind)

/** `/meshes/{mesh}/{services}/{name}/_hostnames`: every name that the generators known here give it, and in which zones. */
export const hostnameRoutes = ({ store, mode }: ApiContext, resources: Resources): readonly Route[] =>
  allTypes
    .filter((type) => type.scope === 'mesh' && type.path !== undefined)
    .map((type) => ({
      method: 'GET',
      path: `/meshes/:mesh/${type.path}/:name/_hostnames`,
      title: missing,
      type,
      async handle(request) {
        const mesh = param(request, 'mesh')
        await checkMesh(store, mode, mesh)
        if (!type.vipKind)
          throw new ApiError(
            'invalid',
            `only "${kinds.map(({ path }) => path).join(',')}" are available for inspection`,
            'Resource is not valid',
          )
        const row = living(await store.read.get({ type: type.name, mesh, name: param(request, 'name') }))
        if (row === undefined) throw notFound(missing)
        const items = await resources.names.everyHostname(row)
        return ok({ items: items.length === 0 ? null : items, total: items.length })
      },
    }))
