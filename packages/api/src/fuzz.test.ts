import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { bodyOf, urlOf, writable } from './testing/bodies.js'
import { Chance } from './testing/chance.js'
import { openReal, type Real } from './testing/real.js'

/** More with HOLDFAST_FUZZ=100000. */
const requests = Number(process.env.HOLDFAST_FUZZ ?? 10_000)
const answerMaxMs = 10_000
/** Fewer requests than this are over before caches and compiled code have come to rest. */
const steadyFrom = 20_000
const heapGrowthMaxBytes = 16 * 1024 * 1024

setFlagsFromString('--expose_gc')
const collect = runInNewContext('gc') as () => void
const heapBytes = (): number => {
  collect()
  return process.memoryUsage().heapUsed
}

const pieces = [
  '"',
  '{',
  '}',
  '[',
  ']',
  ':',
  ',',
  'null',
  'true',
  '0',
  '-',
  '1e999',
  '\\u0000',
  '\\ud800',
  ' ',
  '\u0000',
  'é',
  '\\',
]
const odd: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  2 ** 53,
  '',
  'x'.repeat(5_000),
  [],
  {},
  { __proto__: 1, constructor: 2, toString: 3 },
  [[[[]]]],
]

/** One place of a value replaced by something else, or a key by another. */
function mutated(value: unknown, chance: Chance): unknown {
  if (chance.isLucky(0.15) || typeof value !== 'object' || value === null) return chance.one(odd)
  if (Array.isArray(value)) {
    if (value.length === 0) return [chance.one(odd)]
    const at = chance.below(value.length)
    return value.map((each: unknown, index) => (index === at ? mutated(each, chance) : each))
  }
  const entries = Object.entries(value)
  if (entries.length === 0) return { a: chance.one(odd) }
  const at = chance.below(entries.length)
  return Object.fromEntries(
    entries.flatMap(([key, each], index): [string, unknown][] => {
      if (index !== at) return [[key, each]]
      if (chance.isLucky(0.1)) return []
      if (chance.isLucky(0.1))
        return [[chance.one(['__proto__', 'constructor', '@spec', '@unknown', '', key.toUpperCase()]), each]]
      return [[key, mutated(each, chance)]]
    }),
  )
}

/** Text with a few characters taken out, doubled or put in. */
function scrambled(text: string, chance: Chance): string {
  let result = text
  for (let i = 0; i <= chance.below(3); i++) {
    const at = chance.below(result.length + 1)
    result = result.slice(0, at) + (chance.isLucky(0.5) ? chance.one(pieces) : '') + result.slice(at + chance.below(4))
  }
  return result
}

const tails = [
  '',
  '/',
  '/_overview',
  '/_hostnames',
  '/dataplanes',
  '/_resources/dataplanes',
  '/policies',
  '/xds',
  '/nope',
  '/%00',
  '/..',
  '/%2e%2e/x',
]
const queries = [
  '',
  '?size=1',
  '?size=x',
  '?offset=-1',
  '?filter[labels.a]=b',
  '?filter[x]=',
  '?format=k8s',
  '?format=',
  '?dryRun=true',
  '?dryRun=',
  '?name=%',
  '?tag=a:b',
  '?gateway=x',
  '?watch=no',
  '?size=1&size=2',
  '?%ff',
  '?filter[labels.]=',
  '?force=true',
]
const own = [
  'vips',
  'vips/explain',
  'vips/history',
  'audit',
  'holds',
  'holds/x',
  'resources',
  'raw/X',
  'sync',
  'status',
  'overview',
  'zones/x/adopt',
  'types',
]

function pathOf(chance: Chance): string {
  if (chance.isLucky(0.1))
    return `/_holdfast/${chance.one(own)}${chance.one(queries)}${chance.isLucky(0.5) ? '&since=x&type=MeshService&name=a' : ''}`
  if (chance.isLucky(0.05))
    return `/_kri/${chance.one(['kri_mt_default___a_', 'x', 'kri______', '%', 'kri_msvc_a_b_c_d_e', 'kri_zzz____a_'])}`
  const type = chance.one(writable)
  const mesh = chance.one(['default', 'default', 'default', 'nope', '%20', 'a_b', ''])
  const name = chance.one(['a', 'a', 'b', 'A', 'a%2fb', 'x'.repeat(300), '1', 'é', '.'])
  const path = `${urlOf(type, name, mesh)}${chance.one(tails)}${chance.one(queries)}`
  return chance.isLucky(0.15) ? `/${scrambled(path, chance).replace(/[^!-~]/g, '')}` : path
}

async function one(api: Real, labels: Readonly<Record<string, string>>, chance: Chance) {
  const headers = chance.one<Readonly<Record<string, string>>>([
    {},
    {},
    {},
    { 'if-match': chance.one(['*', '"x"', 'x', '"', ',']) },
    { 'if-none-match': '*' },
    { 'x-forwarded-for': '1.2.3.4' },
    { accept: chance.one(['text/plain', '*/*', ';', 'application/json;q=0']) },
    { 'content-type': chance.one(['text/plain', 'application/json; charset=x', ';']) },
    { authorization: 'Bearer x' },
  ])
  const kind = chance.below(10)
  if (kind < 5) {
    const type = chance.one(writable)
    const name = chance.one(['a', 'b', 'c'])
    const good = bodyOf(type, name, labels, chance)
    const body = chance.isLucky(0.3) ? good : mutated(good, chance)
    const text = JSON.stringify(body) ?? ''
    return api.inject(
      'PUT',
      `${urlOf(type, name)}${chance.one(['', '', '?dryRun=true'])}`,
      chance.isLucky(0.2) ? scrambled(text, chance) : text,
      headers,
    )
  }
  if (kind < 6) {
    const items = Array.from({ length: chance.below(4) }, (_, index) =>
      bodyOf(chance.one(writable), `m${index}`, labels, chance),
    )
    return api.inject(
      'POST',
      `/_apply${chance.one(['', '?dryRun=true'])}`,
      scrambled(JSON.stringify(mutated({ items }, chance)) ?? '', chance),
      headers,
    )
  }
  const method = chance.one(['GET', 'GET', 'GET', 'DELETE', 'POST', 'PUT'] as const)
  const body = method === 'PUT' || method === 'POST' ? scrambled('{"type":"Mesh","name":"a"}', chance) : undefined
  return api.inject(method, pathOf(chance), body, headers)
}

test.each([
  ['global', {}, 11],
  ['federated', { 'kuma.io/origin': 'zone' }, 12],
] as const)(
  'mutated bodies and paths on %s: never a 5xx, never a hang, and memory does not grow where there are many',
  { timeout: 1_800_000 },
  async (mode, labels, seed) => {
    const api = await openReal(mode, mode === 'global' ? [] : ['241.64.0.0/20'], { initialPolicies: mode === 'global' })
    if (mode === 'global') await api.call('PUT', '/meshes/default', { type: 'Mesh', name: 'default' })
    const chance = new Chance(seed)
    const statuses = new Map<number, number>()
    const isLong = requests / 2 >= steadyFrom
    let restedBytes = Number.POSITIVE_INFINITY
    for (let request = 1; request <= requests / 2; request++) {
      let timer: NodeJS.Timeout | undefined
      const response = await Promise.race([
        one(api, labels, chance),
        new Promise<undefined>((resolve) => {
          timer = setTimeout(() => resolve(undefined), answerMaxMs)
        }),
      ])
      // Until it is cleared it holds the request and its answer.
      clearTimeout(timer)
      if (response === undefined)
        throw new Error(`request ${request} of seed ${seed} was not answered in ${answerMaxMs} ms`)
      const { statusCode } = response
      statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1)
      // 507: no address left; that is the pool's, not a failure.
      if (statusCode >= 500 && statusCode !== 507)
        throw new Error(`request ${request} of seed ${seed}: ${response.body} ${JSON.stringify(api.logged)}`)
      if (statusCode >= 400 && response.headers['content-type'] === 'application/json')
        expect((response.json() as { title: string }).title).not.toBe('')
      if (isLong && request === steadyFrom / 2) {
        api.forgetAudit()
        restedBytes = heapBytes()
      }
    }
    if (isLong) {
      api.forgetAudit()
      const grown = heapBytes() - restedBytes
      process.stderr.write(`${mode}: heap ${(grown / 1024).toFixed(0)} KiB larger after ${requests / 2} requests\n`)
      expect(grown).toBeLessThan(heapGrowthMaxBytes)
    }
    expect(api.logged).toEqual([])
    // All kinds of answers were met: a fuzz that is refused at the door finds nothing.
    for (const status of [200, 201, 400, 404, 405, 406, 412, 415])
      expect([status, statuses.has(status)]).toEqual([status, true])
  },
)
