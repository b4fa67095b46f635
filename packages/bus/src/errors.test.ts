import { expect, test } from 'vitest'
import { parseRedisUrl } from './redis-url.js'

// What is wrong with a Redis URL, as it is told at the start, in one file. A test of the testkit reads off the source what there is.

const urls = [
  ...[
    'http://localhost',
    'redis://localhost?db=1',
    'redis://localhost?ca=/ca.pem',
    'redis://a,b',
    'redis+sentinel://a',
  ],
  ...['redis://a/x', 'redis+cluster://a/1', 'redis://a:0'],
]

test('what is wrong with a URL is said as it stands in the golden file', () => {
  const blocks = urls.map((url) => {
    const read = parseRedisUrl(url)
    return [`# ${url}`, ...('shape' in read ? ['nothing'] : read)].join('\n')
  })
  const printed = `${blocks.join('\n\n')}\n`
  expect(printed).toBeGolden('errors.txt')
  expect(printed).not.toMatch(/^nothing$/m)
})
