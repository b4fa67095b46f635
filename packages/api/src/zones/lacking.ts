import {
  displayNameLabel,
  envLabel,
  type JsonObject,
  meshLabel,
  originLabel,
  Problem,
  toRest,
  typesSentDown,
  zoneLabel,
} from '@holdfast/model'
import { authoredOf, type ControlPlaneStore, type Row } from '@holdfast/store'
import { timeText } from '../resources/render.js'

/** What global asks a zone of ours that shall share what global does not have. */
export const lackingQuestion = 'not-at-global'

/** Objects in one answer; what is more is told when these are there. */
const objectsMax = 1_000
const rowsPerPage = 200

/**
 * What a zone owns of the types that come from global and are never sent there: meshes first of all. A zone that ran by
 * itself has made them; they stay in it, and nobody else knows of them until global makes them. Secrets stay where they
 * are.
 */
export async function lackingAtGlobal(
  { read }: Pick<ControlPlaneStore, 'read'>,
  zone: string,
): Promise<readonly JsonObject[]> {
  const found: JsonObject[] = []
  for (const type of sharedTypes)
    for (let offset = 0, total = 1; offset < total && found.length < objectsMax; offset += rowsPerPage) {
      const page = await read.list({ type, offset, limit: rowsPerPage })
      total = page.total
      found.push(...page.items.filter((row) => row.origin === zone).map(objectOf))
    }
  return found.slice(0, objectsMax)
}

const sharedTypes: readonly string[] = typesSentDown
  .filter(({ globalToZones, zoneToGlobal, internal, path }) => globalToZones && !zoneToGlobal && !internal && path)
  .map(({ name }) => name)
  .filter((name) => !/Secret$|^Config$/.test(name))

/** Global computes its own. */
const computedLabels = new Set([originLabel, zoneLabel, displayNameLabel, meshLabel, envLabel])

/** As one would write it at global. */
function objectOf(row: Row): JsonObject {
  const authored = authoredOf(row)
  const shown = toRest(authored, {
    viewer: { role: 'global' },
    creationTime: timeText(row.createdAtMs),
    modificationTime: timeText(row.modifiedAtMs),
  })
  const labels = Object.entries(authored.labels).filter(([label]) => !computedLabels.has(label))
  const kept = Object.entries(shown).filter(([key]) => !computedKeys.has(key))
  return { ...Object.fromEntries(kept), ...(labels.length === 0 ? {} : { labels: Object.fromEntries(labels) }) }
}

const computedKeys = new Set(['creationTime', 'modificationTime', 'labels', 'kri', 'snis', 'status'])

/** @throws Problem `unavailable` for an answer that is none */
export function readLacking(answer: unknown): readonly JsonObject[] {
  const items = (answer as { readonly items?: unknown } | null)?.items
  if (Array.isArray(items) && items.every((item) => typeof item === 'object' && item !== null && 'type' in item))
    return items as readonly JsonObject[]
  throw new Problem(
    'unavailable',
    'the zone answered something else than what it has and global lacks; is it of another version?',
  )
}
