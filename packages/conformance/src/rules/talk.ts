import type { Talk } from '../peer/visit.js'
import { broken, endText, type Finding, kept, undecided, type Verdict } from '../report.js'
import { byType, onlyAsked, type Patience } from './join.js'

/** A type that no Kuma has. */
const strangeType = 'MeshConformanceCheck'

/** A zone that is newer than global, and refuses something. */
export async function disagrees(visit: Talk, { withinMs, quietMs }: Patience): Promise<readonly Finding[]> {
  const asked = ['Mesh', 'HostnameGenerator', strangeType]
  visit.open('down')
  visit.subscribe(asked)
  const answer = (type: string) => byType(visit.down.messages).get(type)?.[0]
  await visit.level.reached(() => asked.every((type) => answer(type) !== undefined), withinMs)
  const strange = answer(strangeType)
  const unknown: Verdict =
    visit.down.end !== undefined
      ? broken(endText('GlobalToZoneSync', visit.down.end))
      : strange === undefined
        ? broken(`no answer to ${strangeType}: a zone would keep what it has of it for ever`)
        : strange.resources.length === 0
          ? kept(`${strangeType}: an empty list`)
          : broken(`${strangeType}: ${strange.resources.length} resources, of a type that nobody has`)

  const mesh = answer('Mesh')
  let refusedCount = 0
  // Every time it comes: a global that offers it again at once would go on for ever.
  visit.level.onChange(() => {
    for (const { nonce } of byType(visit.down.messages).get('Mesh')?.slice(refusedCount) ?? []) {
      refusedCount += 1
      visit.ask({
        typeUrl: 'Mesh',
        resourceNamesSubscribe: ['*'],
        responseNonce: nonce,
        errorDetail: { message: 'conformance: refused on purpose' },
      })
    }
  })
  const others = [answer('HostnameGenerator'), strange]
  for (const other of others) if (other !== undefined) visit.ack(other)
  const before = visit.down.messages.length
  await visit.level.quiet(() => visit.down.messages.length, quietMs, quietMs * 3)
  const again = visit.down.messages.slice(before).filter(({ typeUrl }) => typeUrl === 'Mesh').length
  const refused: Verdict =
    mesh === undefined
      ? undecided('no Mesh was sent that could be refused')
      : visit.down.end !== undefined
        ? broken(endText('GlobalToZoneSync', visit.down.end))
        : again > 1
          ? broken(`Mesh was refused, and sent ${again} more times within ${quietMs} ms`)
          : kept(`the stream goes on, and Mesh is ${again === 0 ? 'not sent' : 'sent once'} again within ${quietMs} ms`)
  return [
    { id: 'unknown-type', level: 'must', rule: 'a type that global does not know gets an empty list', ...unknown },
    { id: 'nack', level: 'must', rule: 'what a zone refuses is not sent again and again', ...refused },
    { id: 'subset', level: 'must', rule: 'a zone that asks for less gets less', ...onlyAsked(visit, asked) },
  ]
}

/** Calls without a name are nobody's. */
export async function withoutName(visit: Talk, { withinMs }: Patience): Promise<readonly Finding[]> {
  visit.open('down')
  visit.open('up')
  const health = await visit.health()
  await visit.level.reached(() => visit.down.end !== undefined && visit.up.end !== undefined, withinMs)
  const ends = [
    `GlobalToZoneSync ${visit.down.end?.code ?? 'is kept open'}`,
    `ZoneToGlobalSync ${visit.up.end?.code ?? 'is kept open'}`,
    `HealthCheck ${'code' in health ? health.code : 'is answered'}`,
  ].join(', ')
  const refused = [visit.down.end?.code, visit.up.end?.code].every((code) => code !== undefined && code !== 'OK')
  const rule = 'calls that do not say which zone they are of are refused'
  return [{ id: 'client-id', level: 'must', rule, ...(refused ? kept(ends) : broken(ends)) }]
}
