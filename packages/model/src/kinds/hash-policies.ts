import { z } from 'zod'
import { duration } from './duration.js'
import { type Finding, strict } from './finding.js'

/** By what of a request an endpoint is chosen, so that equal ones reach the same. */
export const hashPolicy = z.looseObject({
  type: z.enum(['Header', 'Cookie', 'Connection', 'SourceIP', 'QueryParameter', 'FilterState']),
  terminal: z.boolean().optional(),
  header: z.looseObject({ name: z.string().min(1) }).optional(),
  cookie: z.looseObject({ name: z.string().min(1), ttl: duration.optional(), path: z.string().optional() }).optional(),
  connection: z.looseObject({ sourceIP: z.boolean().optional() }).optional(),
  queryParameter: z.looseObject({ name: z.string().min(1) }).optional(),
  filterState: z.looseObject({ key: z.string().min(1) }).optional(),
})
export type HashPolicy = z.infer<typeof hashPolicy>

const members = {
  Header: 'header',
  Cookie: 'cookie',
  Connection: 'connection',
  SourceIP: 'connection',
  QueryParameter: 'queryParameter',
  FilterState: 'filterState',
} as const

export function* hashPolicyFindings(path: string, policies: readonly HashPolicy[] = []): Iterable<Finding> {
  for (const [index, policy] of policies.entries()) {
    const member = members[policy.type]
    if (policy[member] === undefined) yield strict(`${path}[${index}].${member}`, 'must be defined')
    if (policy.type === 'Cookie' && policy.cookie?.path !== undefined && !policy.cookie.path.startsWith('/'))
      yield strict(`${path}[${index}].cookie.path`, 'must be an absolute path')
  }
}
