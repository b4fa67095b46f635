import type { JsonObject } from '../kinds/json.js'
import { serviceTag } from '../kinds/tags.js'
import type { TargetRef } from '../kinds/target-ref.js'
import { mergedConfs } from './merge.js'
import type { PolicyResource } from './policy-spec.js'

/** A condition on one tag of whoever is at the other end. */
export interface TagMatcher {
  readonly key: string
  readonly value: string
  readonly not: boolean
}
/** All of them together say who is meant; none: everybody. */
type Subset = readonly TagMatcher[]

/** What is configured for those whom its matchers mean, in the terms of before there were real services. */
export interface TagRule {
  readonly matchers: Subset
  readonly conf: JsonObject
  readonly origins: readonly PolicyResource[]
}

export interface TagItem {
  readonly policy: PolicyResource
  readonly subset: Subset
  readonly conf: JsonObject
}

/** So many combinations are told apart; where there are more nobody would read them, and they grow exponentially. */
const combinationsMax = 1_024
const groupsMax = 256

/** Who a reference means by tags; undefined for what tags cannot say. */
export function subsetOf({ kind, name = '', tags = {} }: TargetRef): Subset | undefined {
  const service = { key: serviceTag, value: name, not: false }
  const rest = Object.entries(tags).map(([key, value]) => ({ key, value, not: false }))
  switch (kind) {
    case 'Mesh':
      return []
    case 'MeshSubset':
      return rest.sort(byKeyAndValue)
    case 'MeshService':
      return [service]
    case 'MeshServiceSubset':
      return [service, ...rest].sort(byKeyAndValue)
    default:
      return undefined
  }
}

/**
 * One rule for each group of clients (`from`) or destinations (`to`) that the items tell apart, the most exact first.
 * Undefined: there are more groups than are listed.
 * @param isWithNegations whether "all but those" is a group of its own
 */
export function tagRules(
  type: string,
  items: readonly TagItem[],
  isWithNegations: boolean,
): readonly TagRule[] | undefined {
  if (items.length === 0) return []
  const subsets = items.map(({ subset }) => subset)
  const keys = new Set(subsets.flatMap((subset) => subset.map(({ key }) => key)))
  const ruled = (matchers: Subset) => rulesFor(type, matchers, items)
  if (!isWithNegations && keys.size <= 1) {
    const distinct = [...new Map(subsets.map((subset) => [JSON.stringify(subset), subset])).values()]
    return distinct.flatMap(ruled).sort((a, b) => b.matchers.length - a.matchers.length)
  }
  const groups = cliques(subsets)
  if (groups === undefined) return undefined
  const rules: TagRule[] = []
  let count = 0
  for (const group of groups) {
    const tags = new Map(group.flatMap((at) => (subsets[at] ?? []).map((tag) => [JSON.stringify(tag), tag])))
    for (const matchers of combinations([...tags.values()].sort(byKeyAndValue))) {
      if (++count > combinationsMax) return undefined
      rules.push(...ruled(matchers))
    }
  }
  const positives = ({ matchers }: TagRule) => matchers.filter(({ not }) => !not).length
  return rules.sort((a, b) => positives(b) - positives(a))
}

function rulesFor(type: string, matchers: Subset, items: readonly TagItem[]): readonly TagRule[] {
  const relevant = items.filter(({ subset }) => holds(subset, matchers))
  const origins = [...new Map(relevant.map(({ policy }) => [policy.name, policy])).values()]
  return mergedConfs(
    type,
    relevant.map(({ conf }) => conf),
  ).map((conf) => ({ matchers, conf, origins }))
}

const byKeyAndValue = (a: TagMatcher, b: TagMatcher): number =>
  a.key === b.key ? (a.value < b.value ? -1 : Number(a.value > b.value)) : a.key < b.key ? -1 : 1

/** Whether everybody that `narrow` means is meant by `wide` too. */
const holds = (wide: Subset, narrow: Subset): boolean =>
  wide.every(({ key, value, not }) => {
    const same = narrow.filter((each) => each.key === key)
    return (
      same.length > 0 && same.every((each) => (each.not === not ? each.value === value : not && each.value !== value))
    )
  })

/** Whether somebody can be meant by both. */
const meet = (a: Subset, b: Subset): boolean =>
  a.every(({ key, value }) => b.every((other) => other.key !== key || other.value === value))

/**
 * All greatest sets of subsets of which each two can mean the same (Bron and Kerbosch), in Kuma's order. Undefined:
 * there are too many.
 */
function cliques(subsets: readonly Subset[]): readonly (readonly number[])[] | undefined {
  const all = subsets.map((_, at) => at)
  const near = all.map(
    (at) => new Set(all.filter((other) => other !== at && meet(subsets[at] ?? [], subsets[other] ?? []))),
  )
  const isNear = (a: number, b: number): boolean => near[a]?.has(b) === true
  const found: (readonly number[])[] = []
  const search = (chosen: readonly number[], open: readonly number[], shut: readonly number[]): boolean => {
    if (open.length === 0 && shut.length === 0) return found.push(chosen) <= groupsMax
    const pivot = open[0] ?? shut[0] ?? 0
    let [left, done] = [open, shut]
    for (const at of open.filter((each) => each === pivot || !isNear(pivot, each))) {
      const ofBoth = (each: number) => isNear(at, each)
      if (!search([...chosen, at], left.filter(ofBoth), done.filter(ofBoth))) return false
      left = left.filter((each) => each !== at)
      done = [...done, at]
    }
    return true
  }
  if (!search([], all, [])) return undefined
  const text = (group: readonly number[]): string => group.join(':')
  return found
    .map((group) => [...group].sort((a, b) => a - b))
    .sort((a, b) => (text(a) === text(b) ? 0 : text(a) < text(b) ? 1 : -1))
}

/** For each key one of its values, or none of them: every way to combine that, in Kuma's order. */
function* combinations(tags: Subset): Iterable<Subset> {
  const values = new Map<string, TagMatcher[]>()
  for (const tag of tags) values.set(tag.key, [...(values.get(tag.key) ?? []), tag])
  const dimensions = [...values.values()]
  const total = dimensions.reduce((product, each) => product * (each.length + 1), 1)
  for (let count = 1; count <= total; count++) {
    let rest = count % total
    yield dimensions.flatMap((of) => {
      const at = rest % (of.length + 1)
      rest = Math.floor(rest / (of.length + 1))
      const chosen = of[of.length - at - 1]
      return chosen === undefined ? of.map((tag) => ({ ...tag, not: true })) : [chosen]
    })
  }
}
