import { isObject, type JsonObject, objectOf, objectsOf, textOf } from '../api.js'
import { displayNameOf } from './services.js'

/** Rows of what policies say about a Dataplane, rule by rule, as `…/_rules` has it: of what, type, conf, whose word it is. */
export const ruleRows = (body: JsonObject): readonly (readonly string[])[] =>
  objectsOf(body.rules).flatMap((rule) => {
    const type = textOf(rule.type)
    const row = (of: string, conf: unknown, origins: readonly JsonObject[]): readonly string[] => [
      of,
      type,
      confText(conf),
      [...new Set(origins.map(displayNameOf))].join(', '),
    ]
    const byInbound = objectsOf(rule.inboundRules)
    return [
      ...(isObject(rule.proxyRule) ? [row('proxy', rule.proxyRule.conf, objectsOf(rule.proxyRule.origin))] : []),
      ...byInbound.flatMap((each) =>
        objectsOf(each.rules).map(({ conf, match, origin }) =>
          row(`${inboundText(each)}${isObject(match) ? ` from ${matchText(match)}` : ''}`, conf, metasOf(origin)),
        ),
      ),
      // Where a kind has both, the others say the same in the terms of before.
      ...(byInbound.length > 0 ? [] : objectsOf(rule.fromRules)).flatMap((each) =>
        objectsOf(each.rules).map(({ conf, matchers, origin }) =>
          row(`${inboundText(each)} from ${matchersText(matchers)}`, conf, objectsOf(origin)),
        ),
      ),
      ...objectsOf(rule.toResourceRules).map(({ conf, origin, resourceMeta, resourceSectionName }) =>
        row(resourceText(objectOf(resourceMeta), textOf(resourceSectionName)), conf, metasOf(origin)),
      ),
      ...objectsOf(rule.toRules).map(({ conf, matchers, origin }) =>
        row(`to ${matchersText(matchers)}`, conf, objectsOf(origin)),
      ),
    ]
  })

const metasOf = (origin: unknown): readonly JsonObject[] =>
  objectsOf(origin).map(({ resourceMeta }) => objectOf(resourceMeta))

function inboundText({ inbound }: JsonObject): string {
  const { name, port } = objectOf(inbound)
  return `inbound ${textOf(name) === '' ? '' : `${textOf(name)}:`}${String(port)}`
}

const resourceText = (meta: JsonObject, section: string): string =>
  `to ${textOf(meta.type)} ${displayNameOf(meta)}${section === '' ? '' : `:${section}`}`

const matchersText = (matchers: unknown): string =>
  objectsOf(matchers)
    .map(({ key, value, not }) => `${not === true ? '!' : ''}${textOf(key)}=${textOf(value)}`)
    .join(' ') || 'all'

/** Of a client: `spiffeID=spiffe://mesh/ns/*` for the beginning of one. */
const matchText = (match: JsonObject): string =>
  Object.entries(match)
    .map(([key, of]) => {
      const { type, value } = objectOf(of)
      return `${key}=${textOf(value)}${type === 'Prefix' ? '*' : ''}`
    })
    .join(' ')

/** `http.requestTimeout=15s` for each value; lists as JSON. */
function confText(conf: unknown): string {
  const parts: string[] = []
  const add = (value: unknown, path: string): void => {
    if (isObject(value) && Object.keys(value).length > 0)
      for (const [key, each] of Object.entries(value)) add(each, path === '' ? key : `${path}.${key}`)
    else if (path !== '') parts.push(`${path}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  }
  for (const each of Array.isArray(conf) ? conf : [conf]) add(each, '')
  return parts.join(', ')
}
