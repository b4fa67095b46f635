import { typeOfWord } from '@holdfast/model'
import { notValid, titles } from '../http/errors.js'
import { ok, type Route } from '../http/route.js'
import type { ApiContext } from '../options.js'
import { rowsNamed } from '../resources/meshes.js'
import { checkAccess } from '../resources/permissions.js'
import type { Resources } from '../resources/service.js'
import { originOf } from '../vips/explain.js'

/**
 * `/_holdfast/resources?type=&mesh=&name=&zone=`: resources by display name, which every control plane shares; Kuma's
 * own paths take the stored name, which differs. Several answers mean that the name alone is ambiguous. `guards` tells
 * what is refused or held of them, here or at a peer.
 */
export const findRoute = ({ store }: ApiContext, resources: Resources): Route => ({
  method: 'GET',
  path: '/_holdfast/resources',
  title: titles.list,
  async handle({ query, actor }) {
    const word = query.get('type') ?? ''
    const type = typeOfWord(word)
    const name = query.get('name') ?? ''
    if (type === undefined || name === '')
      throw notValid(titles.list, [
        ...(type === undefined
          ? [
              {
                path: 'type',
                message: `${JSON.stringify(word)} is not a resource type; see /_resources for those there are`,
              },
            ]
          : []),
        ...(name === '' ? [{ path: 'name', message: 'say the display name to look for' }] : []),
      ])
    checkAccess(type, actor)
    const mesh = type.scope === 'mesh' ? query.get('mesh') || 'default' : ''
    const rows = await rowsNamed(store, type.name, mesh, name, originOf(query.get('zone')))
    const items = await resources.render(rows)
    const guarded = await resources.guards.of(rows)
    const guards = rows.flatMap((row) => guarded(row).map((guard) => ({ mesh: row.mesh, name: row.name, ...guard })))
    return ok({ total: items.length, items, next: null, ...(guards.length === 0 ? {} : { guards }) })
  },
})
