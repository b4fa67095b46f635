import { expect, test } from 'vitest'
import { ViewLog } from './view-log.js'

const tags: Record<number, string> = { 12: 'a', 13: 'b', 14: 'c' }
const at = (revision: number, tag = tags[revision] ?? '') => ({ epoch: 'e', revision, tag })

function logThrough(revision: number): ViewLog {
  const log = new ViewLog('down', 'east')
  log.entries.say('row', { key: 'Mesh default', entry: '00'.repeat(16) })
  for (let next = 12; next <= revision; next++) expect(log.record(at(next))).toBeUndefined()
  return log
}

test('a store that is put back has come as far as its history says, whatever it had come to since', () => {
  const log = logThrough(14)
  const { digest } = log.entries
  expect(log.revisionOf('e', digest)).toBe(14)
  log.putBack((_, revision) => (revision <= 13 ? tags[revision] : undefined))
  expect(log.revisionOf('e', digest)).toBe(13)
})

test('what another life of it had at a revision is not what it has there', () => {
  const log = logThrough(13)
  const { digest } = log.entries
  log.putBack((_, revision) => (revision === 13 ? 'of a backup' : tags[revision]))
  expect(log.revisionOf('e', digest)).toBe(12)
})
