import { expect, test } from 'vitest'
import { ControlPlane } from '../programs/control-plane.js'
import { broken, type Told, unlike, type View, VipMemory } from './ledger-watch.js'
import { type Promised, Writer } from './writer.js'

const { signal } = new AbortController()
const view = (told: Readonly<Record<string, Told>>): View => new Map(Object.entries(told))
const web: Told = { port: 80, vips: ['241.16.0.1'] }
const key = 'meshservices/east/web'

function writer(promised: Readonly<Record<string, Promised>>): Writer {
  const plane = new ControlPlane({ name: 'east', role: 'zone', databaseUrl: '', folder: '', flags: [], signal })
  const made = new Writer(plane, signal)
  for (const [name, promise] of Object.entries(promised)) made.promised.set(name, promise)
  return made
}

test.each<[string, Promised, Told | undefined, readonly string[]]>([
  ['there as promised', { state: 'there', port: 80 }, web, []],
  ['lost', { state: 'there', port: 80 }, undefined, [`west: ${key} is lost`]],
  ['an older version', { state: 'there', port: 81 }, web, [`west: ${key} has port 80, acknowledged was 81`]],
  ['gone as promised', { state: 'gone' }, undefined, []],
  ['returned', { state: 'gone' }, web, [`west: ${key} is there again, its deletion was acknowledged`]],
])('what was acknowledged: %s', (_, promise, told, expected) => {
  const seen = view(told === undefined ? {} : { [key]: told })
  expect(broken('west', seen, [writer({ web: promise })])).toEqual(expected)
})

test('views that differ, and services without a VIP, are told', () => {
  const views = (east: Readonly<Record<string, Told>>, west: Readonly<Record<string, Told>>) =>
    new Map([
      ['east', view(east)],
      ['west', view(west)],
    ])
  expect(unlike(views({ [key]: web }, { [key]: web }))).toEqual([])
  expect(unlike(views({ [key]: web }, {}))).toEqual([`${key}: east says 80 241.16.0.1, west says nothing`])
  expect(unlike(views({ [key]: web }, { [key]: { ...web, vips: ['241.16.0.2'] } }))).toEqual([
    `${key}: east says 80 241.16.0.1, west says 80 241.16.0.2`,
  ])
  const pending = { port: 80, vips: [] }
  expect(unlike(views({ [key]: pending }, { [key]: pending }))).toEqual([`${key}: east says 80 , west says 80 `])
})

test('VIP-2: an address that changes is remembered, even if it comes back', () => {
  const memory = new VipMemory()
  for (const vips of [['241.16.0.1'], ['241.16.0.2'], ['241.16.0.1']])
    memory.note(new Map([['east', view({ [key]: { port: 80, vips } })]]))
  expect(memory.moved).toEqual([`${key}: 241.16.0.1 became 241.16.0.2`])
})

test('VIP-3: an address that has another owner than before is remembered', () => {
  const memory = new VipMemory()
  memory.note(new Map([['east', view({ [key]: web })]]))
  expect(memory.reused).toEqual([])
  memory.note(new Map([['west', view({ 'meshservices/west/web': web })]]))
  expect(memory.reused).toEqual([`241.16.0.1 was that of ${key}, and is that of meshservices/west/web`])
})
