import { type JsonObject, type Labels, shownLabels, specJson, typeOf, type Viewer } from '@holdfast/model'
import { authoredOf, type Row, versionOf } from '@holdfast/store'
import { type Difference, differences } from './differences.js'

/** The version of what an author has written: equal content, equal version, on every replica. */
export const authoredVersion = (row: Row): string => versionOf(authoredOf(row))

/** What an author decides of a resource: labels and spec, or the fields beside the metadata. */
export const authoredJson = (row: Row, viewer: Viewer): JsonObject => ({
  labels: shownLabels(authoredOf(row), typeOf(row.type), viewer),
  ...specJson(authoredOf(row)),
})

/** What another write would have to be judged by. Of secrets the places are told, never the values. */
export function authoredDifferences(
  stored: Row,
  wanted: { readonly labels: Labels; readonly spec: Uint8Array },
  viewer: Viewer,
): readonly Difference[] {
  const type = typeOf(stored.type)
  const next = { labels: wanted.labels, ...specJson({ type: stored.type, spec: wanted.spec }) }
  const found = differences(authoredJson(stored, viewer), next)
  return type.admin ? found.map(({ path }) => ({ path, from: hidden, to: hidden })) : found
}

const hidden = '*****'

/** A value in an error, cut short. */
export const valueText = (value: Difference['from']): string => {
  if (value === undefined) return 'not there'
  const text = JSON.stringify(value)
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}
