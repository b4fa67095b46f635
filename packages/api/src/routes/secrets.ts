import { ApiError, titles } from '../http/errors.js'
import { ok, type Route } from '../http/route.js'
import type { ApiContext } from '../options.js'

/** With which keys secrets are sealed in the database. The keys themselves are never shown. */
export function secretRoutes({ store }: ApiContext): readonly Route[] {
  const sealing = () => {
    const { sealing: found } = store
    if (found !== undefined) return found
    throw new ApiError(
      'conflict',
      titles.conflict,
      'secrets are not sealed here: start with --secrets-key-file, on every replica',
    )
  }
  const path = '/_holdfast/secrets'
  return [
    {
      method: 'GET',
      path,
      title: titles.list,
      handle: async () => {
        const { sealing: found } = store
        return ok(
          found === undefined
            ? { sealed: false, activeKey: null, items: [] }
            : { sealed: true, activeKey: found.activeKeyId(), items: await found.counts() },
        )
      },
    },
    {
      method: 'POST',
      path: `${path}/rotate`,
      title: titles.conflict,
      handle: async () => ok({ newKey: await sealing().rotate(), activeInSeconds: 60 }),
    },
  ]
}
