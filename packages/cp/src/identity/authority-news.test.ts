import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAuthority, fingerprintsOf } from '@holdfast/identity'
import { pino } from 'pino'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { AuthorityNews } from './authority-news.js'

const folder = mkdtempSync(join(tmpdir(), 'holdfast-news-'))
const file = join(folder, 'ca.pem')
afterAll(() => rmSync(folder, { recursive: true }))
const made = async (): Promise<string> => {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const serial = Buffer.alloc(16, 1)
  return (await createAuthority('acme', key, { issuedAtMs: 0, notAfterMs: 1e12, serial })).certificatePem
}
const [old, young] = [await made(), await made()]

let said: string[]
let asked: string[]
let connected: string[]
let answer: () => unknown
const everything = () => ({ believes: fingerprintsOf(`${old}${young}`) })
function news(): AuthorityNews {
  const log = pino(
    { base: null, timestamp: false },
    { write: (line) => said.push((JSON.parse(line) as { msg: string }).msg) },
  )
  const ask = async (zone: string): Promise<unknown> => {
    asked.push(zone)
    return answer()
  }
  return new AuthorityNews({ file, connected: () => connected, ask, log })
}
beforeEach(() => {
  ;[said, asked, connected, answer] = [[], [], ['east', 'west'], everything]
  writeFileSync(file, old)
})

test('nobody is asked while nothing is new, and each once when something is; who was away when it is back', async () => {
  const one = news()
  await one.look(0)
  await one.look(1_000)
  expect(asked).toEqual([])
  writeFileSync(file, `${old}${young}`)
  connected = ['east']
  await one.look(2_000)
  await one.look(3_000)
  expect(asked).toEqual(['east'])
  connected = ['east', 'west']
  await one.look(4_000)
  await one.look(5_000)
  expect(asked).toEqual(['east', 'west'])
  writeFileSync(file, young)
  await one.look(6_000)
  expect(asked).toEqual(['east', 'west', 'east', 'west'])
})

test('who does not answer is asked again half a minute later; who believes less is named once', async () => {
  const one = news()
  await one.look(0)
  writeFileSync(file, `${old}${young}`)
  connected = ['east']
  answer = () => Promise.reject(new Error('zone east is not connected'))
  await one.look(1_000)
  await one.look(30_000)
  expect([asked.length, said.at(-1)]).toEqual([1, 'a zone could not be told of the authorities; trying again'])
  answer = () => ({ believes: fingerprintsOf(old) })
  await one.look(31_000)
  await one.look(100_000)
  expect([asked.length, said.at(-1)]).toEqual([2, expect.stringMatching(/^a zone does not believe all of the/)])
})

test('a file that holds nobody is told once, and nobody is told of it', async () => {
  const one = news()
  await one.look(0)
  for (const text of ['', '', `${old.slice(0, 200)}\n-----END CERTIFICATE-----\n`]) {
    writeFileSync(file, text)
    await one.look(1_000)
  }
  rmSync(file)
  await one.look(2_000)
  expect(asked).toEqual([])
  expect(said).toEqual(Array(3).fill('the authorities that zones have to believe cannot be read: nobody is told any'))
})
