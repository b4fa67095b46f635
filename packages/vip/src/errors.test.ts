import { violationText } from '@holdfast/model'
import { expect, test } from 'vitest'
import {
  type Block,
  confirmBlock,
  defaultPools,
  lintLedger,
  type Owner,
  type Pool,
  poolProblems,
  rangeOf,
  type Wish,
} from './index.js'
import { ModelLedger } from './testing/model-ledger.js'

// Why an address, a block or a pool cannot be had, as it is told, in one file. A test of the testkit reads off the source what
// there is.

const pools: readonly Pool[] = defaultPools('fd00:1:2::/48')
const owner = (displayName: string): Owner => ({
  ...{ kind: 'MeshService', mesh: 'default', origin: 'east', namespace: '', displayName },
})
const block = (given: Partial<Block> = {}): Block => ({
  ...{ id: 'b1', kind: 'MeshService', family: 4, cidr: '241.16.0.0/30', owner: 'east', storeId: 's', generation: 0 },
  ...given,
})

/** What is said to those who wish for an address, one after the other, in one block. */
function wished(blocks: readonly Block[], ...wishes: readonly Wish[]): readonly string[] {
  const ledger = new ModelLedger()
  ledger.blocks.push(...blocks.map((each) => ({ block: each })))
  return wishes.flatMap((wish) => {
    const { refused, pending } = ledger.apply([wish])
    return [
      ...refused.flatMap(({ problem }) => [
        `${problem.kind}: ${problem.message}`,
        ...problem.violations.map((each) => `* ${violationText(each)}`),
      ]),
      ...pending.map(({ reason }) => `pending: ${reason}`),
    ]
  })
}

function rested(): readonly string[] {
  const ledger = new ModelLedger()
  ledger.blocks.push({ block: block() })
  ledger.apply([{ owner: owner('web'), v4: '241.16.0.1' }])
  ledger.remove(owner('web'), 1)
  return ledger
    .apply([{ owner: owner('api'), v4: '241.16.0.1' }])
    .refused.map(({ problem }) => `${problem.kind}: ${problem.message}`)
}

const confirmed = (cidr: string, blocks: readonly Block[] = [], aliases: readonly string[] = []): readonly string[] => {
  const verdict = confirmBlock(cidr, pools, blocks, aliases)
  return [verdict.outcome === 'refused' ? verdict.reason : 'it is confirmed']
}
const pooled = (...given: readonly Partial<Pool>[]): readonly string[] =>
  poolProblems(
    given.map((each) => ({ kind: 'MeshService', family: 4, cidr: '241.0.0.0/8', reserved: [], ...each }) as Pool),
  ).map(violationText)
const thrown = (call: () => unknown): readonly string[] => {
  try {
    call()
    return ['nothing']
  } catch (error) {
    return [(error as Error).message]
  }
}
const held = (name: string, address: string, blockId = 'b1') => ({
  ...({ ...owner(name), scope: 'canonical', family: 4, address, generation: 0, state: 'active', blockId } as const),
})

const cases: readonly (readonly [what: string, said: () => readonly string[]])[] = [
  ['no block at all', () => wished([], { owner: owner('web') })],
  ['no IPv4 block', () => wished([block({ family: 6, cidr: 'fd00::/64', generation: 1 })], { owner: owner('web') })],
  ['a block that is full', () => wished([block()], ...['a', 'b', 'c'].map((name) => ({ owner: owner(name) })))],
  [
    'a pin that would move a service',
    () =>
      wished(
        [block({ cidr: '241.16.0.0/29' })],
        { owner: owner('web'), v4: '241.16.0.1' },
        { owner: owner('web'), v4: '241.16.0.2' },
      ),
  ],
  [
    'a pin that belongs to another',
    () => wished([block()], ...['a', 'b'].map((name) => ({ owner: owner(name), v4: '241.16.0.1' }))),
  ],
  ['a pin that belonged to another', rested],
  ['a pin without a block', () => wished([], { owner: owner('web'), v4: '241.16.0.1' })],
  ['a pin in no block', () => wished([block()], { owner: owner('web'), v4: '241.99.0.1' })],
  ['a pin at the edge of a block', () => wished([block()], { owner: owner('web'), v4: '241.16.0.0' })],
  ['a block that is none', () => confirmed('241.16.0.0/33')],
  ['a block of another name', () => confirmed('241.16.0.1/20')],
  ['a block that is too small', () => confirmed('241.16.0.0/30')],
  ['a block in no pool', () => confirmed('10.0.0.0/20')],
  [
    'a block in what is reserved',
    () => {
      const [reserved] = pools.flatMap((pool) => (pool.family === 4 ? pool.reserved : []))
      return confirmed(`${reserved?.split('/')[0] ?? '241.0.0.0'}/20`)
    },
  ],
  ["a block in a zone's", () => confirmed('241.16.0.0/20', [block({ cidr: '241.16.0.0/20' })])],
  ["a block in global's", () => confirmed('241.16.0.0/20', [block({ cidr: '241.16.0.0/20', owner: '' })])],
  ['a block with an alias in it', () => confirmed('241.16.0.0/20', [], ['241.16.0.1'])],
  ['a pool that is none', () => pooled({ cidr: '241.0.0.0/x' })],
  ['a pool of what has no addresses', () => pooled({ kind: 'Mesh' as never })],
  ['a pool of the other family', () => pooled({ family: 6 })],
  ['a pool that is too small', () => pooled({ cidr: '241.0.0.0/30' })],
  ['a pool of other addresses', () => pooled({ cidr: '127.0.0.0/8' })],
  ['pools that overlap', () => pooled({}, { cidr: '241.16.0.0/12' })],
  ['a range that is none', () => thrown(() => rangeOf('241.0.0.0/x'))],
  [
    'a ledger that is none',
    () =>
      lintLedger(
        [
          ...[held('a', '241.16.0.1'), held('b', '241.16.0.1'), held('a', '241.16.0.2')],
          ...[held('c', '241.99.0.1'), held('d', '241.16.0.3', 'gone')],
        ],
        [block(), block({ id: 'b2', cidr: '241.16.0.0/29' })],
      ).map(({ severity, subject, message }) => `${severity}: ${subject}: ${message}`),
  ],
]

test('why something cannot be had is said as it stands in the golden file', () => {
  const printed = `${cases.map(([what, said]) => [`# ${what}`, ...said()].join('\n')).join('\n\n')}\n`
  expect(printed).toBeGolden('errors.txt')
  expect(printed).not.toMatch(/^(nothing|it is confirmed)$|^# .*\n\n/m)
})
