import { type Finding, strict, warning } from './finding.js'
import { serviceTag } from './tags.js'

/** The tags that one of Kuma's policies of before the targetRef family chooses proxies by. */
interface Selector {
  readonly match: Readonly<Record<string, string>>
}

/** What of such a policy is judged here. */
export interface LegacyPolicy {
  readonly sources?: readonly Selector[]
  readonly destinations?: readonly Selector[]
  readonly selectors?: readonly Selector[]
  readonly conf?: unknown
}

/** `any`: at least one tag; `service`: that of the service among them; `only`: that one alone. */
type Tags = 'any' | 'service' | 'only'

interface Rules {
  readonly lists: Partial<Record<'sources' | 'destinations' | 'selectors', Tags>>
  /** What is said where there is no `conf`. */
  readonly conf?: string
  /** It is about every proxy where no list says otherwise. */
  readonly mayBeEmpty?: true
}

const between = { sources: 'service', destinations: 'only' } as const
const anyone = { sources: 'any', destinations: 'any' } as const

const rules: Readonly<Record<string, Rules>> = {
  CircuitBreaker: { lists: between, conf: 'must have at least one of the detector or threshold configured' },
  FaultInjection: { lists: anyone, conf: 'must have at least one of the faults configured' },
  HealthCheck: { lists: between },
  MeshGateway: { lists: { selectors: 'service' } },
  MeshGatewayRoute: { lists: { selectors: 'service' }, conf: 'cannot be empty' },
  ProxyTemplate: { lists: { selectors: 'service' }, mayBeEmpty: true },
  RateLimit: { lists: anyone, conf: 'must have conf' },
  Retry: { lists: between, conf: 'has to be defined' },
  Timeout: { lists: between, conf: 'has to be defined' },
  TrafficLog: { lists: between },
  TrafficPermission: { lists: anyone },
  TrafficRoute: { lists: between, conf: 'cannot be empty' },
  TrafficTrace: { lists: { selectors: 'any' } },
  VirtualOutbound: { lists: { selectors: 'any' } },
}

/**
 * Whom a policy is about, and whether it says anything, in Kuma's words. Kuma's API refuses the same; what it finds within a
 * `conf` is left to the zones of Kuma that obey it, and their reasons are shown once they refuse.
 */
export function* legacyFindings(type: string, policy: LegacyPolicy): Iterable<Finding> {
  const { lists, conf, mayBeEmpty } = rules[type] ?? { lists: {} }
  for (const [list, tags] of Object.entries(lists) as readonly ['sources' | 'destinations' | 'selectors', Tags][]) {
    const selectors = policy[list] ?? []
    if (selectors.length === 0 && mayBeEmpty !== true) yield strict(list, 'must have at least one element')
    for (const [index, { match }] of selectors.entries()) yield* tagsFindings(`${list}[${index}].match`, match, tags)
  }
  if (conf !== undefined && policy.conf === undefined) yield strict('conf', conf)
  yield warning(
    '',
    `a ${type} is for proxies of Kuma: whom it is about is judged here, the rest by the zones of Kuma; see 'holdfastctl refused list' afterwards`,
  )
}

const nameCharacters = /^[a-zA-Z0-9.\-_:/]*$/
const valueCharacters = /^([a-zA-Z0-9.\-_:/]*|\*)$/

function* tagsFindings(path: string, match: Selector['match'], tags: Tags): Iterable<Finding> {
  const names = Object.keys(match).sort()
  const hasService = Object.hasOwn(match, serviceTag)
  if (names.length === 0 && tags !== 'only') yield strict(path, 'must have at least one tag')
  if (tags === 'only' && (names.length !== 1 || !hasService))
    yield strict(path, `must consist of exactly one tag "${serviceTag}"`)
  for (const name of names) {
    const at = `${path}[${JSON.stringify(name)}]`
    const value = match[name] ?? ''
    if (name === '') yield strict(path, 'tag name must be non-empty')
    if (!nameCharacters.test(name))
      yield strict(at, 'tag name must consist of alphanumeric characters, dots, dashes, slashes and underscores')
    if (tags === 'only' && name !== serviceTag) yield strict(at, `tag "${name}" is not allowed`)
    if (value === '') yield strict(at, 'tag value must be non-empty')
    if (!valueCharacters.test(value))
      yield strict(
        at,
        'tag value must consist of alphanumeric characters, dots, dashes, slashes and underscores or be "*"',
      )
  }
  if (tags !== 'any' && !hasService) yield strict(path, `mandatory tag "${serviceTag}" is missing`)
}
