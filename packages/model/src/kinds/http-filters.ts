import { z } from 'zod'
import { subdomainProblems } from '../name-rules.js'
import { isIp } from './addresses.js'
import { type Finding, strict } from './finding.js'
import { headerKeyValue } from './matches.js'
import { intOrString } from './numbers.js'
import { backendRef, targetRefFindings } from './target-ref.js'

const hostname = z
  .string()
  .min(1, { abort: true })
  .max(253, { abort: true })
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/)
const headerModifier = z.looseObject({
  set: z.array(headerKeyValue).max(16).optional(),
  add: z.array(headerKeyValue).max(16).optional(),
  remove: z.array(z.string()).max(16).optional(),
})
const pathRewrite = z.looseObject({
  type: z.enum(['ReplaceFullPath', 'ReplacePrefixMatch']),
  replaceFullPath: z.string().optional(),
  replacePrefixMatch: z.string().optional(),
})

export const httpFilter = z.looseObject({
  type: z.enum(['RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestRedirect', 'URLRewrite', 'RequestMirror']),
  requestHeaderModifier: headerModifier.optional(),
  responseHeaderModifier: headerModifier.optional(),
  requestRedirect: z
    .looseObject({
      scheme: z.enum(['http', 'https']).optional(),
      hostname: hostname.optional(),
      path: pathRewrite.optional(),
      port: z.int32().min(1).max(65_535).optional(),
      statusCode: z.literal([301, 302, 303, 307, 308]).meta({ type: 'integer' }).default(302),
    })
    .optional(),
  urlRewrite: z
    .looseObject({
      hostname: hostname.optional(),
      path: pathRewrite.optional(),
      hostToBackendHostname: z.boolean().optional(),
    })
    .optional(),
  requestMirror: z.looseObject({ percentage: intOrString.optional(), backendRef }).optional(),
})
export type HttpFilter = z.infer<typeof httpFilter>
type HeaderModifier = z.infer<typeof headerModifier>

export interface FilterPlace {
  /** Every match of the rule is of a path prefix. */
  readonly prefixesOnly: boolean
  readonly ofGateway: boolean
}

const members = {
  RequestHeaderModifier: 'requestHeaderModifier',
  ResponseHeaderModifier: 'responseHeaderModifier',
  RequestRedirect: 'requestRedirect',
  URLRewrite: 'urlRewrite',
  RequestMirror: 'requestMirror',
} as const

export function* filterFindings(path: string, filter: HttpFilter, place: FilterPlace): Iterable<Finding> {
  const at = `${path}.${members[filter.type]}`
  if (filter[members[filter.type]] === undefined) {
    yield strict(at, 'must be defined')
    return
  }
  const { requestRedirect, urlRewrite, requestMirror } = filter
  switch (filter.type) {
    case 'RequestHeaderModifier':
      yield* modifierFindings(at, filter.requestHeaderModifier ?? {})
      return
    case 'ResponseHeaderModifier':
      yield* modifierFindings(at, filter.responseHeaderModifier ?? {})
      return
    case 'RequestRedirect':
      yield* rewriteFindings(at, requestRedirect ?? {}, place)
      return
    case 'URLRewrite':
      yield* rewriteFindings(at, urlRewrite ?? {}, place)
      if (urlRewrite?.hostToBackendHostname !== true) return
      if (!place.ofGateway) yield strict(`${at}.hostToBackendHostname`, 'can only be set with MeshGateway')
      if (urlRewrite.hostname !== undefined)
        yield strict(`${at}.hostToBackendHostname`, 'cannot be set together with hostname')
      return
    case 'RequestMirror':
      yield* targetRefFindings(`${at}.backendRef`, requestMirror?.backendRef, {
        kinds: ['MeshService', 'MeshServiceSubset'],
      })
  }
}

interface Rewrite {
  readonly hostname?: string | undefined
  readonly path?: { readonly replacePrefixMatch?: string | undefined } | undefined
}

function* rewriteFindings(at: string, given: Rewrite, { prefixesOnly }: FilterPlace): Iterable<Finding> {
  if (given.path?.replacePrefixMatch !== undefined && !prefixesOnly)
    yield strict(`${at}.path.replacePrefixMatch`, 'can only appear if all matches match a path prefix')
  if (given.hostname === undefined) return
  if (isIp(given.hostname)) yield strict(`${at}.hostname`, 'cannot be an IP address')
  else for (const reason of subdomainProblems(given.hostname)) yield strict(`${at}.hostname`, reason)
}

function* modifierFindings(path: string, { set, add, remove }: HeaderModifier): Iterable<Finding> {
  if (set === undefined && add === undefined && remove === undefined) {
    yield strict(path, 'must have at least one defined: set, add, remove')
    return
  }
  const seen = new Set<string>()
  const names = {
    set: (set ?? []).map(({ name }) => name),
    add: (add ?? []).map(({ name }) => name),
    remove: remove ?? [],
  }
  for (const [field, given] of Object.entries(names))
    for (const [index, name] of given.entries()) {
      if (seen.has(name)) yield strict(`${path}.${field}[${index}].name`, 'duplicate header name')
      seen.add(name)
    }
}
