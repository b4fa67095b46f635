import { expect, test } from 'vitest'
import { parseRedisUrl, redisUrlHelp } from './redis-url.js'

test.each([
  ['redis://localhost', { shape: 'single', hosts: [{ host: 'localhost', port: 6379 }], db: 0 }],
  [
    'redis://me:p%40ss@10.0.0.1:7000/3',
    { shape: 'single', hosts: [{ host: '10.0.0.1', port: 7000 }], db: 3, username: 'me', password: 'p@ss' },
  ],
  ['redis://:secret@h', { shape: 'single', hosts: [{ host: 'h', port: 6379 }], db: 0, password: 'secret' }],
  ['rediss://[fd00::1]:1', { shape: 'single', hosts: [{ host: 'fd00::1', port: 1 }], db: 0, tls: {} }],
  [
    'rediss://h?ca=/a/ca.pem&servername=r.example',
    {
      shape: 'single',
      hosts: [{ host: 'h', port: 6379 }],
      db: 0,
      tls: { ca: '/a/ca.pem', servername: 'r.example' },
    },
  ],
  [
    'redis+sentinel://:pw@a,b:26380/main/2?sentinelPassword=sp',
    {
      shape: 'sentinel',
      hosts: [
        { host: 'a', port: 26_379 },
        { host: 'b', port: 26_380 },
      ],
      master: 'main',
      db: 2,
      password: 'pw',
      sentinelPassword: 'sp',
    },
  ],
  [
    'rediss+cluster://a:1,b:2',
    {
      shape: 'cluster',
      hosts: [
        { host: 'a', port: 1 },
        { host: 'b', port: 2 },
      ],
      tls: {},
    },
  ],
])('%s', (text, target) => {
  expect(parseRedisUrl(text)).toEqual(target)
})

test.each([
  ['http://x', [redisUrlHelp]],
  ['redis://', [redisUrlHelp]],
  ['redis://a,b', ['several hosts need redis+sentinel:// or redis+cluster://']],
  ['redis+sentinel://a', ['redis+sentinel:// needs the name of the master: …/MASTER']],
  [
    'redis://u:secret@a:99999/x?y=1&ca=z',
    [
      '"a:99999" is not HOST or HOST:PORT',
      'parameter y is not known; there are ca, cert, key, servername, sentinelUsername, sentinelPassword',
      'ca, cert, key and servername are for rediss://',
      '"x" is not the number of a database',
    ],
  ],
  ['redis+cluster://a/1', ['a cluster has one database only']],
])('%s is refused with all that is wrong, and no password', (text, problems) => {
  expect(parseRedisUrl(text)).toEqual(problems)
})
