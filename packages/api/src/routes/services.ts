import { titles } from '../http/errors.js'
import { ok, type Route } from '../http/route.js'
import type { ApiContext } from '../options.js'
import { limitOf } from '../vips/limit.js'

/** What a zone knows of the services that it makes of Dataplanes, beyond what stands on them. */
export interface ServicesView {
  problems(): readonly {
    readonly mesh: string
    readonly name: string
    readonly reason: string
    readonly message: string
    readonly sinceMs: number
  }[]
}

/** `/_holdfast/services/problems`: services that could not be made of Dataplanes as they are, and what to do. */
export const serviceRoutes = ({ services }: ApiContext): readonly Route[] => [
  {
    method: 'GET',
    path: '/_holdfast/services/problems',
    title: titles.list,
    async handle({ query }) {
      const problems = services?.problems() ?? []
      const items = problems.slice(0, limitOf(query)).map(({ sinceMs, ...problem }) => ({
        ...problem,
        since: new Date(sinceMs).toISOString(),
      }))
      return ok({ total: problems.length, items })
    },
  },
]
