import fc from 'fast-check'
import { expect, test } from 'vitest'
import { utf8 } from '../bytes.js'
import { generateHostname, type HostnameGenerator, hostnameGeneratorOf, type NameableService } from './generator.js'
import { HostnameIndex } from './hostname-index.js'

const zone = 'east'

const generatorOf = (name: string, origin: string, template: string, createdAtMs: number): HostnameGenerator => {
  const spec = utf8(JSON.stringify({ selector: { meshService: { matchLabels: {} } }, template }))
  const read = hostnameGeneratorOf({ name, origin, spec }, createdAtMs)
  if (read === undefined) throw new Error(`${name} selects nothing`)
  return read
}

// Few names, so that many want the same one; the last is no hostname.
const templates = ['{{ .DisplayName }}.mesh', '{{ label "team" }}.mesh', '{{ .DisplayName }}..']
const generator = fc.record({
  origin: fc.constantFrom('', zone),
  template: fc.constantFrom(...templates),
  createdAtMs: fc.nat(2),
})
const service = fc.record({
  type: fc.constantFrom('MeshService', 'MeshExternalService'),
  mesh: fc.constantFrom('default', 'other'),
  name: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
  origin: fc.constantFrom(zone, 'west'),
  createdAtMs: fc.nat(2),
  labels: fc.record({ 'kuma.io/display-name': fc.constantFrom('web', 'api'), team: fc.constantFrom('web', 'red') }),
})
const steps = fc.array(fc.record({ put: fc.boolean(), service }), { maxLength: 25 })

const keyText = ({ type, mesh, name }: NameableService): string => [type, mesh, name].join(' ')
const byAge = (a: { createdAtMs: number; name: string }, b: { createdAtMs: number; name: string }): number =>
  a.createdAtMs - b.createdAtMs || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)

/** Who holds what, said in the other direction: generator by generator, and the oldest service first. */
function holders(services: readonly NameableService[], generators: readonly HostnameGenerator[]) {
  const held = new Map<string, string>()
  const zonesFirst = [...generators].sort(
    (a, b) => Number(b.origin === zone) - Number(a.origin === zone) || byAge(a, b),
  )
  for (const each of zonesFirst)
    for (const one of [...services].sort(byAge)) {
      const rendered = generateHostname(each, one, { zone, isOwn: one.origin === zone })
      const key = rendered?.outcome === 'rendered' ? [one.type, one.mesh, rendered.text].join(' ') : undefined
      if (key !== undefined && !held.has(key)) held.set(key, one.name)
    }
  return held
}

test('after any services that came, changed and went, each name has who comes first of those that are there', () => {
  fc.assert(
    fc.property(fc.array(generator, { maxLength: 4 }), steps, (made, all) => {
      const generators = made.map((each, at) => generatorOf(`g${at}`, each.origin, each.template, each.createdAtMs))
      const index = new HostnameIndex(generators, zone)
      const there = new Map<string, NameableService>()
      for (const step of all)
        if (step.put) {
          index.put(step.service)
          there.set(keyText(step.service), step.service)
        } else {
          index.remove(step.service)
          there.delete(keyText(step.service))
        }
      const held = holders([...there.values()], generators)
      expect(index.size).toBe(there.size)
      for (const { service: one } of all) {
        const stored = there.get(keyText(one))
        const shown = index.of(one)
        expect(shown === undefined).toBe(stored === undefined)
        if (stored === undefined || shown === undefined) continue
        for (const each of generators) {
          const rendered = generateHostname(each, stored, { zone, isOwn: stored.origin === zone })
          const address = shown.addresses.find((given) => given.hostnameGeneratorRef.coreName === each.name)
          const condition = shown.hostnameGenerators.find((given) => given.hostnameGeneratorRef.coreName === each.name)
            ?.conditions[0]
          if (rendered === undefined) expect([address, condition]).toEqual([undefined, undefined])
          else if (rendered.outcome === 'failed')
            expect([address, condition?.reason]).toEqual([undefined, 'TemplateError'])
          else {
            const holder = held.get([stored.type, stored.mesh, rendered.text].join(' '))
            if (holder === stored.name)
              expect([address?.hostname, condition?.reason]).toEqual([rendered.text, 'Generated'])
            else
              expect([address, condition?.message]).toEqual([
                undefined,
                `Hostname collision with ${stored.type}: ${holder}`,
              ])
          }
        }
      }
    }),
  )
})

test('a name goes to the next one once who held it is gone, and to whom it was before once that one is back', () => {
  const index = new HostnameIndex([generatorOf('g', '', '{{ label "team" }}.mesh', 0)], zone)
  const named = (name: string, createdAtMs: number): NameableService => ({
    ...{ type: 'MeshService', mesh: 'default', name, origin: zone, createdAtMs },
    labels: { team: 'red' },
  })
  const [older, younger] = [named('older', 1), named('younger', 2)]
  const nameOf = (one: NameableService) => index.of(one)?.addresses.map(({ hostname }) => hostname)
  index.put(younger)
  index.put(older)
  expect([nameOf(older), nameOf(younger)]).toEqual([['red.mesh'], []])
  index.remove(older)
  expect([nameOf(older), nameOf(younger)]).toEqual([undefined, ['red.mesh']])
  index.put(older)
  expect([nameOf(older), nameOf(younger)]).toEqual([['red.mesh'], []])
})
