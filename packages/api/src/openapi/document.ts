import { allTypes, type JsonObject, specSchema, type TypeDescriptor } from '@holdfast/model'
import { type Route, templateOf } from '../http/route.js'
import { wordsOf } from './words.js'

type Schema = JsonObject

const text: Schema = { type: 'string' }
const time: Schema = { type: 'string', format: 'date-time' }
const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` })
const jsonBody = (schema: Schema): JsonObject => ({ content: { 'application/json': { schema } } })

/** OpenAPI 3.1 of all routes: paths from the route table, bodies from the schemas that they are checked against. */
export function openApiDocument(routes: readonly Route[], version: string): JsonObject {
  const paths: Record<string, Record<string, JsonObject>> = {}
  for (const route of routes) {
    const path = templateOf(route.path)
    const methods = paths[path] ?? {}
    methods[route.method.toLowerCase()] = operationOf(route)
    paths[path] = methods
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Holdfast', version, description: 'Kuma-compatible HTTP API of a Holdfast control plane.' },
    paths,
    components: { schemas: schemas() },
  }
}

function operationOf(route: Route): JsonObject {
  const { method, path, type, watchable } = route
  const words = wordsOf(method, path, type, watchable === true)
  const inPath = [...path.matchAll(/:([A-Za-z]+)/g)].map(
    ([, name = '']): JsonObject => ({ name, in: 'path', required: true, schema: text }),
  )
  const inQuery = Object.entries(words?.query ?? {}).map(
    ([name, description]): JsonObject => ({ name, in: 'query', description, schema: text }),
  )
  const isItem = type !== undefined && path.endsWith(`/${type.path}/:name`)
  const isList = type !== undefined && path.endsWith(`/${type.path}`)
  const conditional = isItem && method !== 'GET' ? conditions(method) : []
  return {
    summary: words?.summary ?? route.title,
    tags: [type?.name ?? (path.startsWith('/_holdfast/') ? 'Holdfast' : 'Control plane')],
    ...(inPath.length + inQuery.length + conditional.length === 0
      ? {}
      : { parameters: [...inPath, ...inQuery, ...conditional] }),
    ...(method === 'PUT' && type !== undefined ? { requestBody: { required: true, ...jsonBody(ref(type.name)) } } : {}),
    ...(method === 'POST' ? { requestBody: jsonBody(path === '/_apply' ? ref('Bulk') : {}) } : {}),
    responses: {
      ...successOf(route, isItem, isList),
      '4XX': { description: 'What is wrong, all of it.', ...jsonBody(ref('Error')) },
    },
  }
}

const conditions = (method: string): readonly JsonObject[] => [
  {
    name: 'If-Match',
    in: 'header',
    description: 'ETag of a GET: only over what was read; otherwise 412 tells what has changed.',
    schema: text,
  },
  ...(method === 'PUT'
    ? [{ name: 'If-None-Match', in: 'header', description: '`*`: only create.', schema: { const: '*' } }]
    : []),
]

function successOf({ method, type, watchable }: Route, isItem: boolean, isList: boolean): JsonObject {
  if (method === 'PUT') {
    const warnings = jsonBody(ref('Written'))
    return {
      '200': { description: 'Updated, or unchanged.', ...warnings },
      '201': { description: 'Created.', ...warnings },
    }
  }
  if (method === 'GET' && type !== undefined && isItem)
    return {
      '200': {
        description: 'The resource.',
        headers: { ETag: { description: 'Version of what its author has written.', schema: text } },
        ...jsonBody(ref(type.name)),
      },
    }
  if (method === 'GET' && type !== undefined && isList) {
    const events = { 'text/event-stream': { schema: text } }
    const list = { 'application/json': { schema: listOf(type) } }
    return { '200': { description: 'A page.', content: watchable === true ? { ...list, ...events } : list } }
  }
  return { '200': { description: 'Done.', ...jsonBody({}) } }
}

const listOf = ({ name }: TypeDescriptor): Schema => ({
  type: 'object',
  required: ['total', 'items', 'next'],
  properties: {
    total: { type: 'integer' },
    items: { type: 'array', items: ref(name) },
    next: { type: ['string', 'null'], format: 'uri' },
  },
})

const schemas = (): JsonObject => ({
  ...Object.fromEntries(
    allTypes.filter(({ path }) => path !== undefined).map((type) => [type.name, resourceSchema(type)]),
  ),
  Bulk: {
    type: 'object',
    required: ['items'],
    properties: { items: { type: 'array', items: { type: 'object', required: ['type', 'name'] } } },
  },
  Written: {
    type: 'object',
    properties: { warnings: { type: 'array', items: text } },
  },
  Error: {
    type: 'object',
    required: ['type', 'status', 'title', 'detail'],
    properties: {
      type: { const: '/std-errors' },
      status: { type: 'integer' },
      title: text,
      detail: text,
      invalid_parameters: {
        type: 'array',
        items: { type: 'object', required: ['field', 'reason'], properties: { field: text, reason: text } },
      },
    },
  },
})

/** A resource as it is written and shown. What a control plane computes may be sent, and is not looked at. */
export function resourceSchema(type: TypeDescriptor): Schema {
  const spec = specSchema(type)
  const metadata = {
    type: { const: type.name },
    ...(type.scope === 'mesh' ? { mesh: text } : {}),
    name: { type: 'string', maxLength: 253 },
    labels: { type: 'object', additionalProperties: text },
    creationTime: { ...time, readOnly: true },
    modificationTime: { ...time, readOnly: true },
    ...(type.shortName === '' ? {} : { kri: { ...text, readOnly: true } }),
  }
  if (type.style === 'B')
    return {
      type: 'object',
      required: ['type', 'name', 'spec'],
      properties: {
        ...metadata,
        spec,
        ...(type.hasStatus ? { status: { type: 'object', readOnly: true } } : {}),
      },
    }
  const fields = spec.properties
  return {
    type: 'object',
    required: ['type', 'name', ...(type.scope === 'mesh' ? ['mesh'] : [])],
    properties: { ...metadata, ...(typeof fields === 'object' && !Array.isArray(fields) ? fields : {}) },
  }
}
