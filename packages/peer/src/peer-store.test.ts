import { expect, test } from 'vitest'
import { peerStoreOf } from './peer-store.js'

test.each([
  [
    '{"environment":"kubernetes","store":{"type":"kubernetes","other":1}}',
    { type: 'kubernetes', environment: 'kubernetes' },
  ],
  ['{"store":{"type":"postgres"}}', { type: 'postgres', environment: '' }],
  ['{"store":{}}', undefined],
  ['null', undefined],
  ['', undefined],
  ['{"store":', undefined],
])('what a peer stores in, from %s', (config, expected) => {
  expect(peerStoreOf(config)).toEqual(expected)
})
