import { expect, test } from 'vitest'
import { withoutPassword } from '../embedded/databases.js'
import { Hosts, urlsOf } from './hosts.js'

test.each([
  ['postgres://u:p@a:1/db', ['postgres://u:p@a:1/db']],
  ['postgres://u:p@a:1,b:2/db', ['postgres://u:p@a:1/db', 'postgres://u:p@b:2/db']],
  [
    'postgresql://a,[::1]:2,c?sslmode=require',
    ['postgresql://a?sslmode=require', 'postgresql://[::1]:2?sslmode=require', 'postgresql://c?sslmode=require'],
  ],
  ['postgres://u:p%40x@a,b/db?target_session_attrs=read-write', ['postgres://u:p%40x@a/db', 'postgres://u:p%40x@b/db']],
  [
    'postgres://a,b/db?target_session_attrs=any&sslmode=require',
    ['postgres://a/db?sslmode=require', 'postgres://b/db?sslmode=require'],
  ],
  [
    'postgres://a,b/db?sslmode=require&target_session_attrs=any',
    ['postgres://a/db?sslmode=require', 'postgres://b/db?sslmode=require'],
  ],
])('%s', (url, urls) => {
  expect(urlsOf(url)).toEqual(urls)
  expect(Hosts.of(url) === undefined).toBe(urls.length === 1)
})

test('of several hosts the password is not shown either', () => {
  expect(withoutPassword('postgres://u:secret@a:1,b:2/db?options=x')).toBe('postgres://u@a:1,b:2/db')
  expect(withoutPassword('postgres://a,b/db')).toBe('postgres://a,b/db')
  expect(withoutPassword('nothing')).toBe('an address that is not a URL')
})

test('where none can be written to, each is named with what it says, and nobody is asked again at once', async () => {
  const url = 'postgres://u:secret@127.0.0.1:1,127.0.0.1:2/db'
  const hosts = Hosts.of(url)
  const [first, second] = await Promise.allSettled([hosts?.current(), hosts?.current()])
  const said = first?.status === 'rejected' ? (first.reason as Error) : undefined
  expect(said?.message).toMatch(/^none of the databases takes writes: 127\.0\.0\.1:1: .*; 127\.0\.0\.1:2: .*/)
  expect(said?.message).not.toContain('secret')
  expect(second).toEqual(first)
  await expect(hosts?.current()).rejects.toBe(said)
})
