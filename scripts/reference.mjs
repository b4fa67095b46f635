// Writes docs/reference/api.md and docs/reference/kinds.md from what the code checks bodies against and routes by.
// `--check` compares. Needs a build (`pnpm build`).
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const { describeApi } = await import(join(root, 'packages/api/dist/index.js'))
const { allTypes, columnsOfKind, specSchema } = await import(join(root, 'packages/model/dist/index.js'))

const cell = (text) => String(text).replaceAll('|', '\\|').replace(/\s+/g, ' ')
const row = (...cells) => `| ${cells.map(cell).join(' | ')} |`
const head = (...names) => [row(...names), row(...names.map(() => '---'))]
const from = '<!-- Made by scripts/reference.mjs; change the code instead. -->'

function apiText() {
  const { paths } = describeApi('global', '')
  const typed = new Set(allTypes.map(({ name }) => name))
  const others = []
  const ofTypes = new Map()
  for (const [path, methods] of Object.entries(paths))
    for (const [method, { summary, tags, parameters = [] }] of Object.entries(methods)) {
      const entry = {
        method: method.toUpperCase(),
        path,
        summary,
        query: parameters.filter((each) => each.in === 'query'),
      }
      if (typed.has(tags[0])) ofTypes.set(tags[0], [...(ofTypes.get(tags[0]) ?? []), entry])
      else others.push(entry)
    }
  const lines = [
    from,
    '# HTTP API',
    '',
    'The same paths on global and on zones; `GET /openapi.json` describes them to programs. Kuma 2.14 answers the paths of its',
    'own in the same way. What a role may not write is answered with 405 and with where it can be written.',
    '',
    '## For every type',
    '',
    '`PATH` is that of the type below. `kumactl` gets pages of 10,000 instead of 100, for it reads one page only.',
    '',
    ...head('request', 'what it does'),
    row(
      '`GET /PATH`, `GET /meshes/{mesh}/PATH`',
      'a page: `size`, `offset`, `name`, `filter[labels.KEY]`; Dataplanes also `tag=KEY:VALUE` and `gateway`',
    ),
    row(
      '`GET …/PATH?watch=true`',
      'server-sent events: `changed` with the resource, `deleted`, `synced` once all has been told; the id of the last one in `Last-Event-ID` goes on there; 410 where the log does not go back so far',
    ),
    row('`GET …/PATH/{name}`', 'the resource, with an `ETag`; `format=kubernetes`'),
    row(
      '`PUT …/PATH/{name}`',
      'creates (201) or updates (200), with `warnings`; `If-Match` only over what was read, `If-None-Match: *` only creates, else 412 with each place that differs; `dryRun=true` tells the outcome, the resource as it would be and `changes`, and writes nothing',
    ),
    row('`DELETE …/PATH/{name}`', '`If-Match`, `dryRun=true`; `force=true` even while in use'),
    '',
    '## The others',
    '',
    ...head('request', 'what it does', 'parameters'),
    ...others
      .sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))
      .map(({ method, path, summary, query }) =>
        row(
          `\`${method} ${path}\``,
          summary,
          query.map(({ name, description }) => `\`${name}\`: ${description}`).join('<br>'),
        ),
      ),
    '',
    '## Paths of single types',
    '',
    'Beside those for every type.',
    '',
    ...head('request', 'what it does'),
    ...allTypes.flatMap(({ name, path: own, pathAliases }) => {
      const plain = [own, ...pathAliases].flatMap((each) => [`/${each}`, `/meshes/{mesh}/${each}`])
      const known = new Set(plain.flatMap((each) => [each, `${each}/{name}`]))
      return (ofTypes.get(name) ?? []).flatMap(({ method, path, summary }) =>
        known.has(path) ||
        path.endsWith('/_hostnames') ||
        /\/[_-]resources\/dataplanes$|\{name\}\/dataplanes$/.test(path)
          ? []
          : [row(`\`${method} ${path}\``, summary)],
      )
    }),
    row(
      '`GET /meshes/{mesh}/PATH/{name}/_hostnames`',
      'of the three service types: names under which it can be reached',
    ),
    row(
      '`GET /meshes/{mesh}/PATH/{name}/_resources/dataplanes`, `…/dataplanes`',
      'of policies: Dataplanes that it is about',
    ),
    '',
  ]
  return lines.join('\n')
}

function kindsText() {
  const types = allTypes.filter(({ path, internal }) => path !== undefined && !internal)
  const lines = [
    from,
    '# Kinds',
    '',
    'Every resource has `type`, `name`, `mesh` (unless it is global) and `labels`; beside them stand the fields below, or `spec`',
    'with them. Defaults are filled in when it is written. Fields that are not named here are kept and passed on.',
    'Where a kind has no fields here, its protobuf is kept as it comes.',
    '',
    ...head('kind', 'path', 'short', 'scope', 'written at', 'sent'),
    ...types.map((type) => {
      const where = type.readOnly
        ? 'nobody'
        : [type.providedByGlobal && 'global', type.providedByZone && 'zones'].filter(Boolean).join(', ') || 'nobody'
      const sent =
        [type.globalToZones && 'to zones', type.zoneToGlobal && 'to global', type.acrossZones && 'across zones']
          .filter(Boolean)
          .join(', ') || 'no'
      return row(
        `[${type.name}](#${type.name.toLowerCase()})`,
        `\`${type.path}\``,
        type.shortName === '' ? '' : `\`${type.shortName}\``,
        type.scope,
        where,
        sent,
      )
    }),
    '',
  ]
  for (const type of types) {
    const fields = [...fieldsOf(specSchema(type), type.style === 'B' ? 'spec' : '')]
    if (fields.length === 0) continue
    lines.push(`## ${type.name}`, '', ...head('field', 'type', 'default', 'allowed'))
    for (const { path, type: of, fallback, allowed, required } of fields)
      lines.push(
        row(
          `\`${path}\`${required ? ' *' : ''}`,
          of,
          fallback === undefined ? '' : `\`${JSON.stringify(fallback)}\``,
          allowed,
        ),
      )
    const columns = columnsOfKind(type)
    const headers = (isWide) =>
      columns
        .filter((each) => each.isWide === isWide)
        .map(({ header }) => header)
        .join(', ')
    if (columns.length > 0)
      lines.push(
        '',
        `\`holdfastctl get ${type.path}\` shows ${[headers(false), headers(true) && `with \`-o wide\` ${headers(true)}`].filter(Boolean).join('; ')}.`,
      )
    lines.push('')
  }
  lines.push('`*`: must be there.', '')
  return lines.join('\n')
}

const typeText = (schema) =>
  schema.anyOf !== undefined
    ? schema.anyOf.map(typeText).join(' or ')
    : schema.type === 'array'
      ? `list of ${typeText(schema.items ?? {})}`
      : schema.type === 'object' &&
          schema.additionalProperties !== undefined &&
          typeof schema.additionalProperties === 'object'
        ? `map of ${typeText(schema.additionalProperties)}`
        : (schema.type ?? 'anything')

const allowedText = (schema) =>
  [
    schema.enum === undefined ? undefined : schema.enum.map((each) => `\`${each}\``).join(', '),
    schema.minimum === undefined ? undefined : `≥ ${schema.minimum}`,
    schema.maximum === undefined ? undefined : `≤ ${schema.maximum}`,
    schema.minLength === undefined ? undefined : `at least ${schema.minLength} characters`,
    schema.maxLength === undefined ? undefined : `at most ${schema.maxLength} characters`,
    schema.minItems === undefined ? undefined : `at least ${schema.minItems}`,
    schema.maxItems === undefined ? undefined : `at most ${schema.maxItems}`,
    // A bracket before a parenthesis would be a link.
    schema.pattern === undefined || schema.contentEncoding !== undefined
      ? undefined
      : `<code>${schema.pattern.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll(']', '&#93;')}</code>`,
  ]
    .filter((each) => each !== undefined)
    .join('; ')

function* fieldsOf(schema, path) {
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    const at = path === '' ? name : `${path}.${name}`
    yield {
      path: at,
      type: typeText(field),
      fallback: field.default,
      allowed: allowedText(
        field.type === 'array' && field.items?.enum !== undefined ? { ...field, enum: field.items.enum } : field,
      ),
      required: (schema.required ?? []).includes(name),
    }
    if (field.properties !== undefined) yield* fieldsOf(field, at)
    if (field.items?.properties !== undefined) yield* fieldsOf(field.items, `${at}[]`)
    if (field.additionalProperties?.properties !== undefined) yield* fieldsOf(field.additionalProperties, `${at}.KEY`)
  }
}

const folder = join(root, 'docs', 'reference')
const texts = { 'api.md': apiText(), 'kinds.md': kindsText() }
if (process.argv.includes('--check')) {
  const stale = Object.entries(texts).filter(([name, text]) => {
    try {
      return readFileSync(join(folder, name), 'utf8') !== text
    } catch {
      return true
    }
  })
  for (const [name] of stale)
    console.error(`docs/reference/${name} is not what the code says; run: pnpm build && node scripts/reference.mjs`)
  process.exitCode = stale.length === 0 ? 0 : 1
} else {
  mkdirSync(folder, { recursive: true })
  for (const [name, text] of Object.entries(texts)) writeFileSync(join(folder, name), text)
}
