import {
  displayNameLabel,
  exportName,
  invalid,
  isPluginPolicy,
  isProtected,
  namespaceLabel,
  originLabel,
  Problem,
  protectionLabel,
  typeOf,
  type Violation,
  zoneLabel,
} from '@holdfast/model'
import type { LocalChange } from '../port.js'
import { originWords, sameKey } from './keys.js'
import type { Row } from './types.js'
import type { WorkingSet } from './working-set.js'

/** They are part of the name and of the VIP's key, or tell who owns the resource. */
const immutableLabels = [zoneLabel, originLabel, displayNameLabel, namespaceLabel]

/** What forbids a change to what this control plane owns; undefined if nothing does. */
export function localProblem(change: LocalChange, ws: WorkingSet): Problem | undefined {
  const existing = ws.liveRow(change.key)
  if (existing !== undefined && existing.origin !== ws.identity.name)
    return new Problem(
      'conflict',
      `${change.key.type} "${change.key.name}" belongs to ${originWords(existing.origin)}; change it there`,
    )
  const trace = ws.row(change.key)
  if (trace?.deleted === true && trace.origin !== ws.identity.name && trace.offeredEntry !== undefined)
    return new Problem(
      'conflict',
      `${change.key.type} "${change.key.name}" is still offered by ${originWords(trace.origin)}; choose another name`,
    )
  if (change.change === 'delete' && existing !== undefined) return protectedProblem(existing, ws)
  return change.change === 'put' ? putProblem(change, existing, ws) : undefined
}

/** Whoever wants it gone takes the protection off first, as a change of its own. */
function protectedProblem(row: Row, ws: WorkingSet): Problem | undefined {
  if (isProtected(row.labels))
    return new Problem(
      'conflict',
      `${row.type} "${row.name}" is protected from deletion: apply it without the label ${protectionLabel} first`,
    )
  if (row.type !== 'Mesh') return undefined
  const inside = ws.ofMesh(row.name).filter((each) => !each.deleted && isProtected(each.labels))
  const [first] = inside
  return first === undefined
    ? undefined
    : new Problem(
        'conflict',
        `Mesh "${row.name}" has ${inside.length === 1 ? '1 resource that is' : `${inside.length} resources that are`} protected from deletion, ${first.type} "${first.name}" of ${originWords(first.origin)} among them: take the label ${protectionLabel} off first`,
      )
}

const placeOfMeshes = ({ identity }: WorkingSet): string => (identity.role === 'global' ? '' : 'at global ')

function putProblem(
  put: Extract<LocalChange, { change: 'put' }>,
  existing: Row | undefined,
  ws: WorkingSet,
): Problem | undefined {
  const { key, content, namespace, displayName } = put
  const type = typeOf(key.type)
  const mesh = type.scope === 'mesh' ? ws.mesh(key.mesh) : 'live'
  if (mesh === 'unknown' || mesh === 'deleted')
    return new Problem('missing', `mesh "${key.mesh}" does not exist; create it ${placeOfMeshes(ws)}first`, {
      violations: [{ path: 'mesh', message: `mesh of name ${key.mesh} is not found` }],
    })
  const violations = [
    ...(existing === undefined ? [] : changedLabels(existing, content.labels)),
    ...(ws.identity.role === 'global' && type.acrossZones && !isPluginPolicy(type) && content.labels[zoneLabel]
      ? [
          {
            path: `labels["${zoneLabel}"]`,
            message: 'must not be set on a resource of global: only a zone speaks for it',
          },
        ]
      : []),
  ]
  if (violations.length > 0) return invalid(`${key.type} "${key.name}"`, violations)
  const namesake = ws.byDisplayName({ ...key, origin: ws.identity.name, namespace, displayName })
  if (namesake !== undefined && !sameKey(namesake, key))
    return new Problem(
      'conflict',
      `${key.type} "${namesake.name}" has the display name "${displayName}"${namespace === '' ? '' : ` in namespace "${namespace}"`} already; choose another one or change that`,
    )
  const exported = exportName(type, key.mesh, key.name, content.labels)
  const stranger = ws
    .byExportName({ ...key, name: exported })
    .find((row) => !sameKey(row, key) && (!row.deleted || row.offeredEntry !== undefined))
  return stranger === undefined
    ? undefined
    : new Problem(
        'conflict',
        `${key.type} "${key.name}" would be called "${exported}" elsewhere, as one of ${originWords(stranger.origin)} is; choose another name`,
      )
}

const changedLabels = (existing: Row, labels: Readonly<Record<string, string>>): readonly Violation[] =>
  immutableLabels.flatMap((label) =>
    existing.labels[label] === labels[label]
      ? []
      : [
          {
            path: `labels["${label}"]`,
            message: `cannot be changed from "${existing.labels[label] ?? ''}" to "${labels[label] ?? ''}": it is part of the identity; delete the resource and create it anew`,
          },
        ],
  )
