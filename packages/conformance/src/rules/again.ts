import type { Talk } from '../peer/visit.js'
import { broken, endText, type Finding, kept, some, undecided, type Verdict } from '../report.js'
import { acknowledging, askedTypes, byType, type Patience, providingNothing } from './join.js'
import { type Seen, seenIn } from './lists.js'

/** The same zone comes back at once, as after a cut link: everything is told again, and nothing of it is new. */
export async function comesBack(
  visit: Talk,
  before: readonly Seen[],
  { withinMs }: Patience,
): Promise<readonly Finding[]> {
  visit.open('up')
  visit.open('down')
  acknowledging(visit)
  providingNothing(visit)
  visit.subscribe(askedTypes)
  await visit.level.reached(() => byType(visit.down.messages).size >= askedTypes.length, withinMs)
  const missing = askedTypes.filter((type) => !byType(visit.down.messages).has(type))
  const { end } = visit.down
  const answered: Verdict =
    end !== undefined
      ? broken(endText('GlobalToZoneSync', end))
      : missing.length === 0
        ? kept(`${askedTypes.length} types again`)
        : broken(`no answer to ${some(missing, 6)}`)
  return [
    { id: 'reconnect', level: 'must', rule: 'a zone that is back at once is answered as before', ...answered },
    {
      id: 'stable-versions',
      level: 'should',
      rule: 'what has not changed has the version of before',
      ...stable(before, seenIn(visit.down.messages)),
    },
  ]
}

function stable(before: readonly Seen[], after: readonly Seen[]): Verdict {
  const known = new Map(before.map((one) => [`${one.type} ${one.key}`, one]))
  let same = 0
  const wrong: string[] = []
  for (const one of after) {
    const earlier = known.get(`${one.type} ${one.key}`)
    if (earlier === undefined || !Buffer.from(earlier.bytes).equals(one.bytes)) continue
    if (earlier.version === one.version) same += 1
    else wrong.push(`${one.type} ${one.key} is the same and has another version`)
  }
  if (wrong.length > 0) return broken(some(wrong))
  return same === 0
    ? undecided('no resource was received twice with the same bytes')
    : kept(`${same} resources came twice, each with one version`)
}

/** A zone that says what it has gets the difference. No Kuma zone does so; a Kuma global honours it. */
export async function saysWhatItHas(
  visit: Talk,
  before: readonly Seen[],
  patience: Patience,
): Promise<readonly Finding[]> {
  const rule = 'a zone that says what it has is told the difference'
  const finding = (verdict: Verdict): readonly Finding[] => [
    { id: 'initial-versions', level: 'should', rule, ...verdict },
  ]
  const type = before[0]?.type
  if (type === undefined) return finding(undecided('nothing was received before that a zone could say it has'))
  const had = Object.fromEntries(before.filter((one) => one.type === type).map(({ key, version }) => [key, version]))
  const ghost = 'conformance-was-here.'
  visit.open('down')
  acknowledging(visit)
  visit.ask({ typeUrl: type, resourceNamesSubscribe: ['*'], initialResourceVersions: { ...had, [ghost]: '00' } })
  await visit.level.reached(() => visit.down.messages.length > 0 || visit.down.end !== undefined, patience.withinMs)
  const [first] = visit.down.messages
  if (first === undefined)
    return finding(
      broken(
        visit.down.end === undefined
          ? `no answer to a request for ${type} with initial_resource_versions within ${patience.withinMs} ms`
          : endText('GlobalToZoneSync', visit.down.end),
      ),
    )
  const bytes = new Map(before.filter((one) => one.type === type).map((one) => [one.key, one.bytes]))
  const repeated = first.resources.filter(({ name, resource }) => {
    const known = bytes.get(name)
    return known !== undefined && Buffer.from(known).equals(resource?.value ?? new Uint8Array())
  }).length
  const count = Object.keys(had).length
  if (repeated > 0) return finding(broken(`${repeated} of ${count} ${type} were sent again`))
  return finding(
    first.removedResources.includes(ghost)
      ? kept(`0 of ${count} ${type} again, and what it should not have is removed`)
      : broken(`0 of ${count} ${type} again, but ${ghost} was not removed`),
  )
}
