import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { EndpointFile } from './endpoint-file.js'

let folder: string
let file: EndpointFile
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-endpoints-'))
  file = new EndpointFile(folder)
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const remembered = { addresses: ['grpc://a:5685', 'grpcs://[::1]:5685'], lastInStep: 'grpc://a:5685' }

test('what is written is read, whole', async () => {
  expect(await file.read()).toEqual({ outcome: 'none' })
  await file.write(remembered)
  expect(await file.read()).toEqual({ outcome: 'read', remembered })
})

const whole = JSON.stringify(remembered)
const damages: readonly (readonly [what: string, text: string | Uint8Array, reason: RegExp])[] = [
  ['truncated to nothing', '', /it is empty/],
  ['blanks', ' \n', /it is empty/],
  ['cut in the middle', whole.slice(0, 30), /not JSON/],
  ['garbage', Uint8Array.from({ length: 512 }, (_, i) => (i * 7) % 256), /not JSON/],
  ['zeros', new Uint8Array(512), /not JSON/],
  ['an empty list', '[]', /no list "addresses"/],
  ['null', 'null', /no list/],
  ['a list without addresses', '{"addresses":[]}', /addresses: is empty/],
  ['no list of texts', '{"addresses":[1]}', /not a list of texts/],
  [
    'an address that is none',
    '{"addresses":["grpc://a:5685","http://b"]}',
    /addresses\[1\]: "http:\/\/b" must be grpc/,
  ],
  ['a port that is none', '{"addresses":["grpc://a:70000"]}', /addresses\[0\]/],
  ['more than anybody has', JSON.stringify({ addresses: Array(33).fill('grpc://a:1') }), /32 are remembered at most/],
]

test.each(damages)('EMPTY: a file that is %s is told apart from a list', async (_, text, reason) => {
  await writeFile(file.path, text)
  expect(await file.read()).toEqual({ outcome: 'unusable', reason: expect.stringMatching(reason) })
})

test('a folder in its place is no list, and a disk that refuses leaves the last good one', async () => {
  await mkdir(file.path)
  expect(await file.read()).toMatchObject({ outcome: 'unusable', reason: expect.stringContaining('EISDIR') })
  await rm(file.path, { recursive: true })
  await file.write(remembered)
  await mkdir(`${file.path}.new`)
  await expect(file.write({ addresses: ['grpc://b:1'] })).rejects.toThrow('EISDIR')
  expect(JSON.parse(await readFile(file.path, 'utf8'))).toEqual(remembered)
})
