import { expect, test } from 'vitest'
import { apiError, run } from '../testing/run.js'

const authorities = [
  { number: '2', fingerprint: 'B2:00', notAfter: '2036-01-02T03:04:05.000Z', signs: false },
  { number: '1', fingerprint: 'A1:00', notAfter: '2035-01-02T03:04:05.000Z', signs: true },
]
const signingKeys = [
  { kind: 'user', numbers: ['1', '2'] },
  { kind: 'zone', numbers: ['1'] },
  { kind: 'dataplane', mesh: 'shop', numbers: ['1'] },
]
const answers = {
  'GET /_holdfast/rotation': { authorities, signingKeys },
  'GET /_holdfast/secrets': {
    sealed: true,
    activeKey: 2,
    items: [
      { keyId: 1, count: 3 },
      { keyId: 2, count: 9 },
    ],
  },
  'POST /_holdfast/rotation/authority': {
    step: 'begin',
    authorities,
    signingKeys,
    zones: [
      { zone: 'east', proof: { certificate: 'pem', believes: ['B2:00', 'A1:00'] } },
      { zone: 'west', problem: 'zone west is not connected' },
    ],
  },
  'POST /_holdfast/rotation/signing-key': { number: '2', retired: ['0', '1'] },
  'POST /_holdfast/secrets/rotate': { newKey: 3, activeInSeconds: 60 },
}

test('what is printed of authorities and keys', async () => {
  const lines = [
    'rotate status',
    'rotate authority begin',
    'rotate signing-key user',
    'rotate signing-key dataplane -m demo',
    'rotate signing-key zone --retire',
    'rotate data-key',
  ]
  const printed: string[] = []
  for (const line of lines) {
    const { status, out, err } = await run(line.split(' '), { answers })
    printed.push(`$ holdfastctl ${line}\n${out}${err}${status === 0 ? '' : `exit status ${status}\n`}`)
  }
  expect(printed.join('\n')).toBeGolden('rotate.txt')
})

test('what is asked, and that a refusal is told as it is', async () => {
  const asked = async (line: string) => (await run(line.split(' '), { answers })).asked
  expect(await asked('rotate authority switch --force')).toEqual([
    ['POST /_holdfast/rotation/authority', { step: 'switch', force: true }],
  ])
  expect(await asked('rotate signing-key dataplane -m demo --retire')).toEqual([
    ['POST /_holdfast/rotation/signing-key', { kind: 'dataplane', retire: true, mesh: 'demo' }],
  ])
  expect(await asked('rotate signing-key user')).toEqual([
    ['POST /_holdfast/rotation/signing-key', { kind: 'user', retire: false }],
  ])
  const why = 'zone west does not believe authority 2 yet. Try again when they are connected'
  const refused = await run(['rotate', 'authority', 'switch'], {
    answers: { 'POST /_holdfast/rotation/authority': apiError(409, 'Could not replace a key', why) },
  })
  expect([refused.status, refused.err]).toEqual([1, `Error: Could not replace a key (${why})\n`])
  expect((await run(['rotate', 'authority', 'end'])).status).toBe(2)
  expect((await run(['rotate', 'signing-key', 'user', '-m', 'demo'])).status).toBe(2)
})
