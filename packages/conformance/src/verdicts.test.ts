import {
  decodeKumaResource,
  encodeKumaResource,
  hashedName,
  type KumaResourceParts,
  kumaResourceTypeUrl,
  kumaVersion,
  typeOf,
  wireKey,
} from '@holdfast/model'
import { expect, test } from 'vitest'
import { Level } from './peer/level.js'
import type { Response } from './peer/visit.js'
import type { Finding, Verdict } from './report.js'
import { across } from './rules/across.js'
import { comesBack, saysWhatItHas } from './rules/again.js'
import { join, type Patience } from './rules/join.js'
import {
  clusterIdOnly,
  keysMatch,
  namesHashed,
  noDuplicates,
  originIsGlobal,
  readable,
  type Seen,
  secretsStay,
  seenIn,
  specsFit,
  statusEmpty,
  versionIsHash,
} from './rules/lists.js'
import { disagrees, withoutName } from './rules/talk.js'
import { type Part, PlayedVisit } from './testing/played.js'

// Every verdict, brought about by messages that are made by hand, in one file that a person has read. A test of the testkit
// reads off the source which there are.

/** Who is played answers within the call: nothing else ever comes. */
const patience: Patience = { withinMs: 0, quietMs: 0 }
const told: string[] = []
const tell = (what: string, verdicts: readonly (Verdict | Finding)[]): void => {
  const lines = verdicts.map((each) => {
    const rule = 'id' in each ? ` ${each.id} (${each.level}: ${each.rule})` : ''
    return `${each.outcome}${rule}: ${each.evidence}`
  })
  told.push([`# ${what}`, ...lines, ''].join('\n'))
}
/** Of a whole check those alone that are of what was changed. */
const only = (findings: readonly Finding[], ...ids: readonly string[]): readonly Finding[] =>
  findings.filter(({ id }) => ids.includes(id))

const text = (value: string): Uint8Array => Buffer.from(value)
const timeout = (more: Partial<KumaResourceParts> = {}): KumaResourceParts => ({
  ...{ name: hashedName('default', 't'), mesh: 'default', typeUrl: '', spec: text('{}') },
  labels: { 'kuma.io/display-name': 't', 'kuma.io/mesh': 'default', 'kuma.io/origin': 'global' },
  ...more,
})
const sent = (parts: KumaResourceParts) => {
  const value = encodeKumaResource(parts)
  return {
    name: wireKey(parts.mesh, parts.name),
    version: kumaVersion(value),
    resource: { $typeName: 'google.protobuf.Any' as const, typeUrl: kumaResourceTypeUrl, value },
  }
}
const responses = (
  visit: PlayedVisit,
  resources: NonNullable<Parameters<PlayedVisit['say']>[0]>['resources'],
  typeUrl: string,
) => {
  visit.open('down')
  visit.say({ typeUrl, ...(resources === undefined ? {} : { resources }) })
  return visit.down.messages
}
const list = (typeUrl: string, ...resources: readonly ReturnType<typeof sent>[]): readonly Seen[] =>
  seenIn(responses(new PlayedVisit('east'), [...resources], typeUrl))
const secret = (name: string, spec = 'x') =>
  list(
    'GlobalSecret',
    sent(
      timeout({ ...{ name, mesh: '', spec: text(spec) }, typeUrl: 'type.googleapis.com/kuma.system.v1alpha1.Secret' }),
    ),
  )
const service = (status: string) => list('MeshService', sent(timeout({ status: text(status) })))
const config = (name: string) => list('Config', sent(timeout({ name, mesh: '' })))

test('lists: each resource by its type and its key, and what is wrong with it', () => {
  const one = sent(timeout())
  const good = list('MeshTimeout', one)
  tell('lists in which nothing came', [
    readable([]),
    keysMatch([]),
    noDuplicates([]),
    statusEmpty([]),
    secretsStay([]),
    clusterIdOnly([]),
  ])
  tell('lists without a flaw', [
    ...[readable(good), keysMatch(good), noDuplicates(good), specsFit(good), originIsGlobal(good), namesHashed(good)],
    ...[
      versionIsHash(good),
      statusEmpty(service(typeOf('MeshService').emptyStatus ?? '')),
      secretsStay(secret('kept')),
      clusterIdOnly(config('kuma-cluster-id')),
    ],
  ])
  const bare = { name: one.name, version: one.version }
  tell('what cannot be read', [
    readable(seenIn(responses(new PlayedVisit('east'), [bare], 'MeshTimeout'))),
    readable(list('MeshTimeout', { ...one, resource: { ...one.resource, typeUrl: 'type.example/x' } })),
    readable(list('MeshTimeout', { ...one, resource: { ...one.resource, value: new Uint8Array([255]) } })),
  ])
  tell('names and keys', [
    keysMatch(list('MeshTimeout', { ...one, name: 'other.default' })),
    noDuplicates(list('MeshTimeout', one, one)),
    namesHashed(list('MeshTimeout', sent(timeout({ name: 'plain' })))),
    namesHashed(list('MeshTimeout', sent(timeout({ labels: {} })))),
    originIsGlobal(list('MeshTimeout', sent(timeout({ labels: { 'kuma.io/origin': 'zone' } })))),
    originIsGlobal(list('MeshTimeout', sent(timeout({ labels: {} })))),
    versionIsHash(list('MeshTimeout', { ...one, version: '' })),
    versionIsHash(list('MeshTimeout', { ...one, version: '0123456789abcdef' })),
  ])
  tell('specs and statuses', [
    specsFit(list('Mesh', sent(timeout({ typeUrl: 'type.example/x' })))),
    specsFit(list('MeshTimeout', sent(timeout({ spec: text('') })))),
    specsFit(list('MeshTimeout', sent(timeout({ spec: text('no') })))),
    specsFit(list('MeshService', sent(timeout({ status: text('no') })))),
    statusEmpty(service('{"vips":[{"ip":"241.0.0.1"}]}')),
  ])
  const many = ['a', 'b', 'c', 'd', 'e'].map((name) => sent(timeout({ name })))
  tell('what is for global alone, and the first of many', [
    secretsStay(secret('inter-cp-ca')),
    secretsStay(secret('zone-token-signing-public-key-1', '-----BEGIN RSA PRIVATE KEY-----')),
    clusterIdOnly(config('cp-catalog')),
    namesHashed(list('MeshTimeout', ...many)),
  ])
})

const joined = (part: Part = {}): Promise<readonly Finding[]> => join(new PlayedVisit('east', part), patience)
/** Global asks for everything, and does something more on one stream. */
const on = (stream: 'up' | 'down' | 'xds', work: (visit: PlayedVisit) => void): Part => ({
  opened: (opened, visit) => {
    if (opened === 'up') visit.requestAll()
    if (opened === stream) work(visit)
  },
})
class NeverSilent extends Level {
  override quiet(): Promise<boolean> {
    return Promise.resolve(false)
  }
}

test('a zone that joins: what global asks for, answers, keeps open', async () => {
  tell('a zone joins', await joined())
  const silent = await joined({ opened: () => {}, asked: () => {} })
  tell(
    'global says nothing at all',
    only(
      silent,
      'speaks-first',
      'node-in-requests',
      'asks-once',
      'acks-lists',
      'answers-each',
      'nonces',
      'whole-first',
    ),
  )
  const few = await joined({
    opened: (stream, visit) =>
      stream === 'up' && visit.request({ typeUrl: 'Dataplane', resourceNamesSubscribe: ['*'] }),
  })
  tell('global asks for Dataplanes alone', only(few, 'speaks-first'))
  tell(
    'the stream up ends',
    only(await joined(on('up', (visit) => visit.end('up', 'UNAVAILABLE', 'going away'))), 'speaks-first', 'stays'),
  )
  const strange = await joined(
    on('up', (visit) => visit.request({ typeUrl: 'Dataplane', resourceNamesSubscribe: ['web'], node: { id: 'west' } })),
  )
  tell('requests with a wrong node, for names, and twice', only(strange, 'node-in-requests', 'asks-once'))
  const nodeless = await joined({
    opened: (stream, visit) => {
      if (stream === 'up') visit.requestWithoutNode('Dataplane')
    },
  })
  tell('a request without a node', only(nodeless, 'node-in-requests'))
  tell(
    'an empty list is refused',
    only(await joined({ offered: (offer, visit) => visit.answer(offer, 'too short') }), 'acks-lists'),
  )
  tell('lists are not answered', only(await joined({ offered: () => {} }), 'acks-lists'))
  const again = (offer: Response, visit: PlayedVisit): void => {
    visit.answer(offer)
    if (offer.typeUrl === 'Dataplane') visit.answer(offer)
  }
  tell('a list is answered twice', only(await joined({ offered: again }), 'acks-lists'))
  const answering = (say: (typeUrl: string, visit: PlayedVisit) => void): Part => ({
    asked: ({ typeUrl, responseNonce = '' }, visit) => {
      if (responseNonce === '') say(typeUrl, visit)
    },
  })
  const without = answering((typeUrl, visit) => typeUrl !== 'Mesh' && visit.say({ typeUrl }))
  tell('one type is not answered', only(await joined(without), 'answers-each'))
  const stray = on('down', (visit) => visit.say({ typeUrl: 'Dataplane' }))
  tell('a type that nobody asked for', only(await joined(stray), 'only-asked'))
  tell('nonces', [
    ...only(await joined(answering((typeUrl, visit) => visit.say({ typeUrl, nonce: '' }))), 'nonces'),
    ...only(await joined(answering((typeUrl, visit) => visit.say({ typeUrl, nonce: '7' }))), 'nonces'),
  ])
  const removing = answering((typeUrl, visit) =>
    visit.say({ typeUrl, removedResources: typeUrl === 'Mesh' ? ['old.'] : [] }),
  )
  tell('the first list removes something', only(await joined(removing), 'whole-first'))
  tell('it is never silent', only(await joined({ level: new NeverSilent() }), 'quiet'))
  const visit: { of?: PlayedVisit } = {}
  class OneMore extends Level {
    override quiet(): Promise<boolean> {
      visit.of?.say({ typeUrl: 'Mesh' })
      return Promise.resolve(true)
    }
  }
  visit.of = new PlayedVisit('east', { level: new OneMore() })
  tell('something more comes before it is silent', only(await join(visit.of, patience), 'quiet'))
  tell('health', [
    ...only(await joined({ health: { intervalMs: 5_000 } }), 'health'),
    ...only(await joined({ health: { code: 'UNIMPLEMENTED', details: '' } }), 'health'),
    ...only(await joined({ health: { code: 'INTERNAL', details: 'no database' } }), 'health'),
  ])
  tell('streams for the administration of proxies', [
    ...only(await joined(on('xds', (of) => of.end('xds', 'UNIMPLEMENTED'))), 'admin'),
    ...only(await joined(on('xds', (of) => of.end('xds', 'INTERNAL', 'no proxies'))), 'admin'),
    ...only(await joined(on('xds', (of) => of.garble('xds', '3 bytes that nobody asked for'))), 'admin'),
  ])
  tell('what is no message', only(await joined(on('down', (of) => of.garble('down', 'invalid wire type'))), 'stays'))
})

const before = list('MeshTimeout', sent(timeout()))
/** Answers a request with the list of before, or with what is made of it. */
const answers = (...resources: readonly ReturnType<typeof sent>[]): Part => ({
  asked: ({ typeUrl, responseNonce = '' }, visit) => {
    if (responseNonce === '') visit.say({ typeUrl, resources: typeUrl === 'MeshTimeout' ? [...resources] : [] })
  },
})

test('a zone that comes back, and one that says what it has', async () => {
  const back = (part: Part) => comesBack(new PlayedVisit('east', part), before, patience)
  tell('it comes back', await back(answers(sent(timeout()))))
  tell('it comes back, and nothing is as it was', await back(answers()))
  tell(
    'the same bytes with another version',
    only(await back(answers({ ...sent(timeout()), version: 'x' })), 'stable-versions'),
  )
  tell('types are not answered again', only(await back({ asked: () => {} }), 'reconnect'))
  const ended = on('down', (visit) => visit.end('down', 'ALREADY_EXISTS', 'east is here'))
  tell('it is sent away', only(await back(ended), 'reconnect'))

  const having = (part: Part, had = before) => saysWhatItHas(new PlayedVisit('east', part), had, patience)
  const removingTheGhost: Part = {
    asked: ({ typeUrl, responseNonce = '' }, visit) => {
      if (responseNonce === '') visit.say({ typeUrl, removedResources: ['conformance-was-here.'] })
    },
  }
  tell('it has nothing to say', await having({}, []))
  tell('it is told the difference', await having(removingTheGhost))
  tell('what it should not have stays', await having(answers()))
  tell('it is told everything again', await having(answers(sent(timeout()))))
  tell('it is not answered', await having({ asked: () => {} }))
  tell('it is not answered, and sent away', await having({ ...ended, asked: () => {} }))
})

test('a zone that is newer, refuses, or has no name', async () => {
  const disagreed = (part: Part) => disagrees(new PlayedVisit('east', part), patience)
  tell('a newer zone that refuses', await disagreed({}))
  const strange = (say: (visit: PlayedVisit) => void): Part => ({
    asked: ({ typeUrl, responseNonce = '' }, visit) => {
      if (responseNonce !== '') return
      if (typeUrl === 'MeshConformanceCheck') say(visit)
      else visit.say({ typeUrl })
    },
  })
  tell('an unknown type is not answered', only(await disagreed(strange(() => {})), 'unknown-type'))
  const full = strange((visit) => visit.say({ typeUrl: 'MeshConformanceCheck', resources: [sent(timeout())] }))
  tell('an unknown type has something', only(await disagreed(full), 'unknown-type'))
  const away = strange((visit) => visit.end('down', 'INVALID_ARGUMENT', 'no such type'))
  tell('an unknown type ends the stream', only(await disagreed(away), 'unknown-type', 'nack'))
  tell('no Mesh at all', only(await disagreed({ asked: () => {} }), 'nack'))
  const stubborn = (times: number): Part => {
    let left = times
    return {
      asked: ({ typeUrl, responseNonce = '', errorDetail }, visit) => {
        if (responseNonce === '' || (errorDetail !== undefined && left-- > 0)) visit.say({ typeUrl })
      },
    }
  }
  tell('what was refused comes once more', only(await disagreed(lateLevel(stubborn(1))), 'nack'))
  tell('what was refused comes again and again', only(await disagreed(lateLevel(stubborn(3))), 'nack'))
  tell(
    'more than was asked for',
    only(await disagreed(on('down', (visit) => visit.say({ typeUrl: 'Zone' }))), 'subset'),
  )

  const nameless = (part: Part) => withoutName(new PlayedVisit('', part), patience)
  const refused: Part = {
    opened: (stream, visit) => visit.end(stream, 'INVALID_ARGUMENT', 'who are you'),
    health: { code: 'INVALID_ARGUMENT', details: 'who are you' },
  }
  tell('no name', [...(await nameless(refused)), ...(await nameless({}))])
})

/** What comes again comes while it is listened for, as over a network: not within the call that has refused it. */
function lateLevel(part: Part): Part {
  const waiting: (() => void)[] = []
  class Late extends Level {
    override quiet(): Promise<boolean> {
      while (waiting.length > 0) waiting.shift()?.()
      return Promise.resolve(true)
    }
  }
  return {
    level: new Late(),
    asked: (request, visit) => {
      if (request.errorDetail === undefined) part.asked?.(request, visit)
      else waiting.push(() => part.asked?.(request, visit))
    },
  }
}

/** What a played global does with what one zone writes and another one reads. */
interface Flaws {
  readonly joins?: boolean
  readonly hasMesh?: boolean
  /** Its answer to an offer; undefined: none. */
  readonly verdict?: (
    what: 'honest' | 'liar' | 'bad' | 'removal',
  ) => 'ack' | 'end' | { readonly refusal: string } | undefined
  readonly passes?: (parts: KumaResourceParts, what: 'honest' | 'liar') => KumaResourceParts | undefined
  readonly echoes?: boolean
  readonly removes?: boolean
}

const meshSpec = 'type.googleapis.com/kuma.mesh.v1alpha1.Mesh'
async function written({
  joins = true,
  hasMesh = true,
  verdict = byTheRules,
  passes = honestly,
  echoes = false,
  removes = true,
}: Flaws) {
  const reader = new PlayedVisit('west', {
    asked: ({ typeUrl, responseNonce = '' }, visit) => {
      if (responseNonce !== '') return
      const mesh = sent(timeout({ name: 'default', mesh: '', typeUrl: meshSpec }))
      visit.say({ typeUrl, resources: typeUrl === 'Mesh' && hasMesh ? [mesh] : [] })
    },
  })
  const writer = new PlayedVisit('east', {
    opened: (stream, visit) => {
      if (stream === 'up' && joins) visit.requestAll()
    },
    offered: (offer, visit) => {
      const { typeUrl, resources, removedResources = [] } = offer
      const [first] = resources
      const parts = first === undefined ? undefined : decodeKumaResource(first.resource.value)
      if (first === undefined && removedResources.length === 0) return visit.answer(offer)
      const liar = parts?.labels['kuma.io/zone'] !== 'east'
      const what = parts === undefined ? 'removal' : typeUrl !== 'MeshService' ? 'bad' : liar ? 'liar' : 'honest'
      // A bad one is taken back as well, whatever became of it.
      const said = what === 'removal' && typeUrl !== 'MeshService' ? 'ack' : verdict(what)
      if (said === 'end') return visit.end('up', 'INTERNAL', 'cannot parse')
      if (said === undefined) return
      visit.answer(offer, said === 'ack' ? undefined : said.refusal)
      if (said !== 'ack') return
      if (what === 'removal' && typeUrl === 'MeshService' && removes) reader.say({ typeUrl, removedResources })
      if (parts === undefined || (what !== 'honest' && what !== 'liar')) return
      const passed = passes(parts, what)
      if (passed !== undefined) reader.say({ typeUrl, resources: [sent(passed)] })
      if (echoes) visit.say({ typeUrl, resources: [sent(parts)] })
    },
  })
  return across(writer, reader, patience)
}
const byTheRules: NonNullable<Flaws['verdict']> = (what) =>
  what === 'bad' ? { refusal: 'spec.template: unclosed action' } : 'ack'
const honestly: NonNullable<Flaws['passes']> = (parts) => {
  const { status: _, ...rest } = parts
  return { ...rest, labels: { ...parts.labels, 'kuma.io/zone': 'east', 'kuma.io/origin': 'global' } }
}

test('what one zone writes and another one reads', async () => {
  tell('a service is written and removed', await written({}))
  tell('global does not join', await written({ joins: false }))
  tell('there is no mesh', await written({ hasMesh: false }))
  const unless = (of: string, said: ReturnType<NonNullable<Flaws['verdict']>>): Flaws => ({
    verdict: (what) => (what === of ? said : byTheRules(what)),
  })
  tell('the first service', [
    ...only(await written(unless('honest', { refusal: 'no room' })), 'store-then-ack'),
    ...only(await written(unless('honest', { refusal: '' })), 'store-then-ack'),
    ...only(await written(unless('honest', undefined)), 'store-then-ack'),
    ...only(await written(unless('honest', 'end')), 'store-then-ack'),
  ])
  tell(
    'nothing is passed on',
    only(await written({ passes: () => undefined }), 'reaches-others', 'attribution', 'status-stays', 'removal'),
  )
  tell('one that says it is of the other zone', [
    ...only(await written(unless('liar', { refusal: 'it is of another zone' })), 'attribution'),
    ...only(await written({ passes: (parts) => ({ ...parts, status: text('{}') }) }), 'attribution', 'status-stays'),
    ...only(
      await written({ passes: (parts, what) => (what === 'liar' ? { ...parts, labels: {} } : honestly(parts, what)) }),
      'attribution',
    ),
  ])
  tell('addresses are passed on', only(await written({ passes: (parts) => parts }), 'status-stays'))
  tell('it comes back to whose it is', only(await written({ echoes: true }), 'no-echo'))
  tell('what is invalid', [
    ...only(await written(unless('bad', 'ack')), 'refuses-alone'),
    ...only(await written(unless('bad', undefined)), 'refuses-alone'),
    ...only(await written(unless('bad', 'end')), 'refuses-alone'),
  ])
  tell('the removal', [
    ...only(await written(unless('removal', { refusal: 'not now' })), 'removal'),
    ...only(await written({ removes: false }), 'removal'),
  ])
})

test('every verdict stands in a file that a person has read', () => {
  expect(told.join('\n')).toBeGolden('verdicts.txt')
})
