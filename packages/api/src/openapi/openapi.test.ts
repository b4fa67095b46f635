import { allTypes, type JsonObject } from '@holdfast/model'
import { expect, test } from 'vitest'
import { openReal } from '../testing/real.js'
import { describeApi } from './describe.js'
import { words, wordsOf } from './words.js'

type Operation = {
  readonly summary: string
  readonly parameters?: readonly { readonly name: string; readonly in: string }[]
}
const paths = (document: JsonObject) => document.paths as unknown as Record<string, Record<string, Operation>>
const document = describeApi('global', 'x')

test('served as it is described', async () => {
  const api = await openReal('global')
  const { status, body } = await api.call('GET', '/openapi.json')
  expect(status).toBe(200)
  expect(Object.keys(body.paths)).toEqual(Object.keys(paths(document)))
})

test('every reference has something behind it, and every parameter of a path is described', () => {
  const { schemas } = document.components as { readonly schemas: JsonObject }
  const found = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name)
  expect(new Set(found.filter((name) => !Object.hasOwn(schemas, name ?? '')))).toEqual(new Set())
  for (const [path, methods] of Object.entries(paths(document)))
    for (const { parameters = [] } of Object.values(methods))
      expect(parameters.filter((each) => each.in === 'path').map(({ name }) => name)).toEqual(
        [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name),
      )
})

test('every route has words, and there are no words without a route', () => {
  const described = new Set<string>()
  for (const [path, methods] of Object.entries(paths(document)))
    for (const method of Object.keys(methods))
      described.add(`${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`)
  const types = new Map(allTypes.flatMap((type) => [type.path, ...type.pathAliases].map((path) => [path, type])))
  const mute = [...described].filter((key) => {
    const [method = '', path = ''] = key.split(' ')
    const segment = path.replace(/^\/meshes\/:mesh\//, '/').split('/')[1] ?? ''
    const type = types.get(segment.replace(/(\+insights|overviews)$/, '')) ?? types.get(segment)
    return wordsOf(method, path, type ?? (segment.endsWith('overviews') ? allTypes[0] : undefined), false) === undefined
  })
  expect(mute).toEqual([])
  expect(Object.keys(words).filter((key) => !described.has(key))).toEqual([])
})

test('what decides about a write is told where it is looked for', () => {
  const names = (path: string, method: string) => paths(document)[path]?.[method]?.parameters?.map(({ name }) => name)
  expect(names('/_apply', 'post')).toEqual(['dryRun'])
  expect(names('/meshes/{mesh}/meshtimeouts/{name}', 'put')).toEqual([
    'mesh',
    'name',
    'dryRun',
    'If-Match',
    'If-None-Match',
  ])
  expect(names('/meshes/{mesh}/meshtimeouts', 'get')).toContain('watch')
})
