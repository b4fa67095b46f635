import { z } from 'zod'
import { isCidr, isDnsName, isIp } from './addresses.js'
import { type Finding, strict } from './finding.js'
import { keptKind } from './json-kind.js'
import { uint32 } from './numbers.js'
import { topFindings } from './policy.js'
import { policyColumns } from './policy-columns.js'
import { targetRef } from './target-ref.js'

const protocols = ['tcp', 'tls', 'grpc', 'http', 'http2', 'mysql'] as const
const passed = z.looseObject({
  type: z.enum(['Domain', 'IP', 'CIDR']),
  value: z.string(),
  port: uint32.optional(),
  protocol: z.enum(protocols).default('tcp'),
})
type Passed = z.infer<typeof passed>

/** What leaves the mesh without being a service of it. */
const schema = z.looseObject({
  targetRef: targetRef.optional(),
  default: z
    .looseObject({
      passthroughMode: z.enum(['All', 'Matched', 'None']).optional(),
      appendMatch: z.array(passed).optional(),
    })
    .default({}),
})

export type MeshPassthroughSpec = z.infer<typeof schema>
export const meshPassthroughKind = keptKind('MeshPassthrough', schema, findings, policyColumns)

/** Told apart by the content of requests, so that two of them cannot share a port. */
const ofRequests = ['grpc', 'http', 'http2'] as const
const isOfRequests = (protocol: string): boolean => ofRequests.some((each) => each === protocol)

function* findings({ targetRef: top, default: given }: MeshPassthroughSpec): Iterable<Finding> {
  yield* topFindings(top, { kinds: ['Mesh', 'MeshSubset', 'Dataplane'] })
  const protocolOf = new Map<number, string>()
  const seen = new Set<string>()
  for (const [index, each] of (given.appendMatch ?? []).entries()) {
    const path = `spec.default.appendMatch[${index}]`
    const { port, protocol, value } = each
    if (protocol === 'mysql' && port === undefined)
      yield strict(`${path}.port`, 'port must be defined for Mysql protocol')
    if (port !== undefined) {
      if (port === 0 || port > 65_535) yield strict(`${path}.port`, 'port must be a valid (1-65535)')
      const other = protocolOf.get(port)
      if (other !== undefined && other !== protocol && isOfRequests(protocol))
        yield strict(
          `${path}.port`,
          `using the same port in multiple matches requires the same protocol for the following protocols: [${ofRequests.join(' ')}]`,
        )
      else protocolOf.set(port, protocol)
      const key = `${port} ${protocol} ${value}`
      // The misspelling is Kuma's.
      if (seen.has(key)) yield strict(`${path}.value`, `value ${value} is already defiend for this port and protocol`)
      seen.add(key)
    }
    yield* valueFindings(path, each)
  }
}

function* valueFindings(path: string, { type, value, port, protocol }: Passed): Iterable<Finding> {
  if (type === 'CIDR') {
    if (!isCidr(value)) yield strict(`${path}.value`, 'provided CIDR has incorrect value')
    return
  }
  if (type === 'IP') {
    if (!isIp(value)) yield strict(`${path}.value`, 'provided IP has incorrect value')
    return
  }
  if (protocol === 'tcp' || protocol === 'mysql')
    yield strict(`${path}.protocol`, `protocol ${protocol} is not supported for a domain`)
  if (/^\*[^.]+/.test(value))
    yield strict(`${path}.value`, 'provided DNS has incorrect value, partial wildcard is currently not supported')
  if (port === undefined && value.startsWith('*') && isOfRequests(protocol))
    yield strict(`${path}.port`, "wildcard domains doesn't work for all ports and layer 7 protocol")
  const name = value.startsWith('*.') ? value.slice(2) : value
  if (!name.startsWith('*') && !isDnsName(name)) yield strict(`${path}.value`, 'provided DNS has incorrect value')
}
