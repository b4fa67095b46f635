import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { differences, ownForm, recordedForm } from '../testing/recorded/differences.js'

const doc = readFileSync(new URL('../../../../docs/kuma-interop.md', import.meta.url), 'utf8')
const rows = doc
  .slice(doc.indexOf('## Where Holdfast differs from the recorded Kumas'))
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .slice(2)
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )

test('what the replays leave out is what the documentation says, line by line', () => {
  expect(rows).toEqual(differences.map(({ at, kuma, holdfast, why }) => [at, kuma, holdfast, why]))
  expect(new Set(differences.map(({ id }) => id)).size).toBe(differences.length)
})

const recorded = {
  type: 'MeshTimeout',
  mesh: 'default',
  name: 'slow',
  labels: { 'kuma.io/mesh': 'default' },
  spec: { a: 1 },
}
const ours = { ...recorded, labels: { ...recorded.labels, 'kuma.io/display-name': 'slow' }, snis: [] }

test('nothing else is left out', () => {
  expect(ownForm(ours, recorded)).toEqual(recordedForm(recorded))
  const differs = (more: object) => expect(ownForm({ ...ours, ...more }, recorded)).not.toEqual(recordedForm(recorded))
  differs({ spec: { a: 2 } })
  differs({ name: 'fast' })
  differs({ mesh: 'shop' })
  differs({ labels: { ...ours.labels, 'kuma.io/zone': 'zone-1' } })
  differs({ labels: { ...ours.labels, 'kuma.io/origin': 'global' } })
  differs({ labels: { ...ours.labels, 'kuma.io/display-name': 'other' } })
  differs({ labels: { 'kuma.io/display-name': 'slow' } })
})
