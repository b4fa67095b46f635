import {
  type JsonObject,
  type MultiZoneStatus,
  serviceStatus,
  shownLabels,
  type TypeDescriptor,
  toRest,
  typeOf,
  type Viewer,
  wantsVip,
} from '@holdfast/model'
import { authoredOf, isStale, type Row } from '@holdfast/store'
import { type Guard, guardCondition } from '../guards/standing.js'
import { publicationJson } from '../hooks/publication.js'
import type { Mode } from '../options.js'
import type { ServiceNames } from './names.js'

/** From where a resource is looked at: labels tell whose it is. */
export const viewerOf = (mode: Mode, zone: string): Viewer =>
  mode === 'global' ? { role: 'global' } : { role: 'zone', zone }

/** What a row is called by its own clocks and names; the same for lists and single resources. */
export function renderRow(
  row: Row,
  viewer: Viewer,
  names: ServiceNames | undefined,
  guards: readonly Guard[] = [],
  matches?: MultiZoneStatus | undefined,
  aliases: readonly string[] = [],
): JsonObject {
  const type = typeOf(row.type)
  // As its author wrote it, whatever policy hooks have let through of it.
  const shown = toRest(authoredOf(row), {
    viewer,
    creationTime: timeText(row.createdAtMs),
    modificationTime: timeText(row.modifiedAtMs),
    ...(type.hasStatus ? { status: statusOf(type, row, names, guards.map(guardCondition), matches, aliases) } : {}),
  })
  const publication = publicationJson(row)
  return publication === undefined ? shown : { ...shown, publication }
}

export const timeText = (ms: number): string => new Date(ms).toISOString()

/**
 * What the origin says, with the addresses and names that this control plane knows over it. A service without a VIP is
 * visible, never named, and says why.
 */
function statusOf(
  type: TypeDescriptor,
  row: Row,
  names: ServiceNames | undefined,
  guarded: readonly JsonObject[],
  matches: MultiZoneStatus | undefined,
  aliases: readonly string[],
): JsonObject {
  if (!type.vipKind) return serviceStatus(type, row.status, { ...nothing, conditions: guarded })
  const vips = row.vips?.addresses ?? []
  const named = vips.length > 0 || !wantsVip(type, row.labels) ? names : undefined
  return serviceStatus(type, row.status, {
    // What it had in this zone before still holds here, after what everybody calls it.
    vips: [...new Set([...vips, ...aliases])],
    addresses: named?.addresses ?? [],
    hostnameGenerators: named?.hostnameGenerators ?? [],
    meshServices: matches?.meshServices,
    conditions: [
      ...(matches === undefined ? [] : [matches.condition]),
      ...(row.audience === 'suspended' ? [suspendedCondition(row)] : []),
      ...publishedCondition(row),
      ...(vips.length > 0 ? [] : [noVipCondition(type, row)]),
      ...guarded,
    ],
  })
}

const nothing = { vips: [], addresses: [], hostnameGenerators: [], conditions: [] }

const publishedCondition = (row: Row): readonly JsonObject[] => {
  const publication = isStale(row) ? publicationJson(row) : undefined
  return publication === undefined
    ? []
    : [
        {
          type: 'Published',
          status: 'False',
          reason: publication.state === 'refused' ? 'HookRefused' : 'HookPending',
          message: publication.reason ?? '',
        },
      ]
}

const suspendedCondition = ({ mesh }: Row): JsonObject => ({
  type: 'Served',
  status: 'False',
  reason: 'MeshMissing',
  message: `mesh ${JSON.stringify(mesh)} does not exist at global, or waits for a policy hook there: neither sent nor served until it does, the VIP is kept`,
})

const noVipCondition = (type: TypeDescriptor, row: Row): JsonObject =>
  wantsVip(type, row.labels)
    ? {
        type: 'VIPAllocated',
        status: 'False',
        reason: 'Pending',
        message: row.pendingReason ?? 'its control plane has not told its address yet',
      }
    : {
        type: 'VIPAllocated',
        status: 'False',
        reason: 'Headless',
        message: 'a headless service is addressed by its instances and gets no virtual IP',
      }

/** The labels that the API shows of a row, its origin included. */
export const shownLabelsOf = (row: Row, viewer: Viewer): Readonly<Record<string, string>> =>
  shownLabels(authoredOf(row), typeOf(row.type), viewer)

/** The addresses in what the API shows of a service, read from that and from nowhere else. */
export function shownAddresses(rendered: JsonObject): readonly string[] {
  const status = objectOf(rendered.status)
  const { vips, vip } = status
  const list = Array.isArray(vips) ? vips.map((each) => objectOf(each).ip) : [objectOf(vip).ip]
  return list.filter((ip): ip is string => typeof ip === 'string')
}

const objectOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
