import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../kinds/json.js'
import { objectOf, objectsOf } from './policy-spec.js'

/**
 * What several configurations of one kind say together, in their order: the later over the earlier, as JSON Merge Patch
 * has it, but lists named `append…` are joined. Routes are more: those for different hostnames are kept apart, and
 * those of equal matches are one.
 */
export const mergedConfs = (type: string, confs: readonly JsonObject[]): readonly JsonObject[] =>
  confs.length === 0 ? [] : type === 'MeshHTTPRoute' ? mergedRoutes(confs) : [confs.reduce(together)]

function together(base: JsonObject, over: JsonObject): JsonObject {
  const merged = new Map(Object.entries(base))
  for (const [key, value] of Object.entries(over)) {
    const before = merged.get(key)
    if (isJsonObject(value) && isJsonObject(before)) merged.set(key, together(before, value))
    else if (key.startsWith('append') && isJsonArray(value) && isJsonArray(before))
      merged.set(key, [...before, ...value])
    else if (value === null) merged.delete(key)
    else merged.set(key, value)
  }
  return Object.fromEntries(merged)
}

/** Of an item of a MeshHTTPRoute; `mergedRoutes` is what turns several of them into one. */
export const routeConf = ({ rules, hostnames }: JsonObject): JsonObject => ({
  rules: objectsOf(rules).map(({ matches, default: conf }) => ({ matches: matches ?? null, default: objectOf(conf) })),
  ...(isJsonArray(hostnames) && hostnames.length > 0 ? { hostnames } : {}),
})

function mergedRoutes(confs: readonly JsonObject[]): readonly JsonObject[] {
  const byHostname = new Map<string, JsonObject[]>()
  for (const conf of confs) {
    const names = isJsonArray(conf.hostnames) ? conf.hostnames.map(String) : ['']
    for (const name of names) byHostname.set(name, [...(byHostname.get(name) ?? []), conf])
  }
  return [...byHostname].map(([hostname, of]) => {
    const rules = mergedRules(of.map((each) => objectsOf(each.rules)))
    return { ...(rules.length === 0 ? {} : { rules }), ...(hostname === '' ? {} : { hostnames: [hostname] }) }
  })
}

/**
 * Of equal matches the last that were merged decide over the place too. Within one route the first rule wins, which is
 * the other way round; so each list is turned, and the result turned back.
 */
function mergedRules(lists: readonly (readonly JsonObject[])[]): readonly JsonObject[] {
  const merged = new Map<string, JsonObject>()
  for (const { matches, default: conf } of lists.flatMap((list) => [...list].reverse())) {
    const key = JSON.stringify(matches)
    const before = merged.get(key)
    merged.delete(key)
    merged.set(key, {
      matches: matches as Json,
      default: together(before === undefined ? {} : objectOf(before.default), objectOf(conf)),
    })
  }
  return [...merged.values()].reverse()
}
