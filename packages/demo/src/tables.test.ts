import { expect, test } from 'vitest'
import type { SeenService } from './observe.js'
import { changesTable, keptText, servicesTable } from './tables.js'

const seen = (name: string, zone: string, ...vips: readonly string[]): readonly [string, SeenService] => [
  `${zone}/${name}`,
  { name, zone, vips, hostnames: [`${name}.svc.${zone}.mesh.local`] } as unknown as SeenService,
]
const before = new Map([seen('web', 'west', '241.1.0.9'), seen('api', 'east', '241.0.0.7', 'fd00::7')])
const after = new Map([
  seen('api', 'east', '241.0.0.7', 'fd00::7'),
  seen('web', 'west', '241.1.0.10'),
  seen('db', 'east'),
])
const gone = new Map([seen('api', 'east', '241.0.0.7', 'fd00::7')])

test('what the demo shows stands in a file that a person has read', () => {
  const planes = ['global', 'east'].map((name) => ({ name, apiUrl: `http://${name}`, logFile: `${name}.log` }))
  const printed = [
    ['services, the same everywhere', servicesTable(before, 0)],
    ['services that differ', servicesTable(after, 2)],
    ['what became of them', changesTable(before, after)],
    ['what was deleted', changesTable(before, gone)],
    ['a mesh that stays up', keptText(planes as never)],
  ].map(([what, text]) => `# ${what}\n${text}`)
  expect(printed.join('\n')).toBeGolden('tables.txt')
})
