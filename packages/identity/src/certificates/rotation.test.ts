import { generateKeyPairSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { authoritiesOf, authorityText, signingAuthorityName } from './authorities.js'
import { certifyZone, createAuthority, requestCertificate } from './issue.js'
import { fingerprintOf, fingerprintsOf, planRotation, shutOut } from './rotation.js'

const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
const validity = { issuedAtMs: 0, notAfterMs: 1e12, serial: Buffer.alloc(16, 1) }
const [first, second] = [
  await createAuthority('mesh', newKey(), validity),
  await createAuthority('mesh', newKey(), validity),
]
const secret = (name: string, text: string) => ({ name, data: Buffer.from(text) })
const one = secret('holdfast-authority-1', authorityText(first))
const two = secret('holdfast-authority-2', authorityText(second))
const named = (number: string) => secret(signingAuthorityName, `${number}\n`)

test('the named authority signs, else the highest; all are believed', () => {
  const signing = (...secrets: Parameters<typeof authoritiesOf>[0]) => authoritiesOf(secrets).signing?.keyId
  expect([signing(one), signing(one, two), signing(one, two, named('1')), signing(two, named('1'))]).toEqual([
    '1',
    '2',
    '1',
    '2',
  ])
  // Without its key an authority is believed and cannot be the one that signs, whoever names it.
  const believed = secret('holdfast-authority-2', second.certificatePem)
  expect(signing(one, believed, named('2'))).toBe('1')
  expect(authoritiesOf([one, two, named('1')]).trusted).toEqual([second.certificatePem, first.certificatePem])
})

test('step after step, and no other', () => {
  const plan = (step: 'begin' | 'switch' | 'finish', ...secrets: Parameters<typeof authoritiesOf>[0]) => {
    try {
      return planRotation(step, authoritiesOf(secrets))
    } catch (error) {
      return (error as Error).message
    }
  }
  const next = { keyId: '2', certificatePem: second.certificatePem }
  expect(plan('begin', one)).toEqual({ step: 'begin', next: '2', signing: '1' })
  expect(plan('switch', one)).toMatch(/no authority is to follow 1: .* begin/)
  expect(plan('finish', one)).toMatch(/authority 1 is the only one/)
  const both = [one, two, named('1')]
  expect(plan('begin', ...both)).toMatch(/authority 2 is to follow already: .* switch/)
  expect(plan('switch', ...both)).toEqual({ step: 'switch', next })
  expect(plan('finish', ...both)).toMatch(/1 signs, and 2 does not yet: .* switch/)
  const switched = [one, two, named('2')]
  expect(plan('begin', ...switched)).toMatch(/authority 1 is believed still: .* finish/)
  expect(plan('switch', ...switched)).toMatch(/no authority is to follow 2/)
  expect(plan('finish', ...switched)).toEqual({ step: 'finish', next, gone: ['1'] })
  expect(plan('begin')).toMatch(/there is no authority that signs/)
})

test('who would be shut out is told: who does not believe the next, who has nothing signed by it, who cannot be asked', async () => {
  const certificate = async (by: typeof first) =>
    certifyZone(by, { zone: 'a', trustDomain: 'mesh', request: await requestCertificate('a', newKey()), ...validity })
  const believes = fingerprintsOf(`${first.certificatePem}${second.certificatePem}`)
  const old = await certificate(first)
  const standings = [
    { zone: 'knows', proof: { certificate: old, believes } },
    { zone: 'knows-not', proof: { certificate: old, believes: [fingerprintOf(first.certificatePem)] } },
    { zone: 'new', proof: { certificate: await certificate(second), believes } },
    { zone: 'token', proof: { certificate: null, believes } },
    { zone: 'away', problem: 'zone away is not connected' },
  ]
  const both = [one, two, named('1')]
  const switching = planRotation('switch', authoritiesOf(both))
  const away = 'zone away cannot be asked: zone away is not connected'
  expect(shutOut(switching, standings, true)).toEqual(['zone knows-not does not believe authority 2 yet', away])
  expect(shutOut(switching, standings, false)).toEqual([])
  const finishing = planRotation('finish', authoritiesOf([one, two]))
  const unsigned = 'has a certificate that authority 2 has not signed'
  expect(shutOut(finishing, standings, true)).toEqual([`zone knows ${unsigned}`, `zone knows-not ${unsigned}`, away])
  expect(shutOut(planRotation('begin', authoritiesOf([one])), standings, true)).toEqual([])
})
