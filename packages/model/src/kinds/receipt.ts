import { dns1035Problems, dns1035Types } from '../name-rules.js'
import { displayNameOf } from '../names.js'
import type { Violation } from '../problems.js'
import type { ExportedResource } from '../resource.js'
import type { TypeDescriptor } from '../type-table.js'
import { findType } from '../types.js'
import { type Finding, refused, warning } from './finding.js'
import { readJsonSpec } from './json-kind.js'
import { specKindOf, specTypeUrl } from './kinds.js'
import { jsonFindings } from './spec.js'

/** What arrives over KDS, as far as the checks look at it. */
export type Received = Pick<ExportedResource, 'type' | 'mesh' | 'name' | 'labels' | 'typeUrl' | 'spec'>

/**
 * Why a received resource cannot be kept; empty for almost all. Only what Kuma refuses on receipt as well: bytes that
 * cannot be decoded, and the semantic rules of its validators, not those of the API's schemas. A type that Holdfast
 * does not know is kept as it is.
 */
export const receiptProblems = (received: Received): readonly Violation[] =>
  findings(received).flatMap(({ level, path, message }) => (level === 'refused' ? [{ path, message }] : []))

/** What our own API would refuse or warn of: shown beside the resource, which is kept. */
export const receiptWarnings = (received: Received): readonly Violation[] =>
  findings(received).flatMap(({ level, path, message }) => (level === 'refused' ? [] : [{ path, message }]))

/** Both at once, for those who look at very many: each spec is read once. */
export function receiptFindings(received: Received): {
  readonly problems: readonly Violation[]
  readonly warnings: readonly Violation[]
} {
  const problems: Violation[] = []
  const warnings: Violation[] = []
  for (const { level, path, message } of findings(received))
    (level === 'refused' ? problems : warnings).push({ path, message })
  return { problems, warnings }
}

function findings(received: Received): readonly Finding[] {
  const type = findType(received.type)
  if (type === undefined) return []
  return [...nameFindings(received), ...specFindings(type, received)]
}

/** Kuma 2.14 limits the length of two kinds' names; the rest it stores and warns of. */
function nameFindings({ type, name, labels }: Received): readonly Finding[] {
  if (!dns1035Types.has(type)) return []
  const displayName = displayNameOf(name, labels)
  const level = lengthLimited.has(type) && displayName.length > 63 ? refused : warning
  return dns1035Problems(displayName).map((reason) => level('name', `"${displayName}": ${reason}`))
}

const lengthLimited = new Set(['MeshService', 'MeshExternalService'])

function specFindings(type: TypeDescriptor, received: Received): readonly Finding[] {
  const known = specKindOf(type)
  if (known.format === 'json') {
    // Kuma decodes the value whatever the type URL says.
    const spec = readJsonSpec(received.spec)
    return spec === undefined ? [refused('spec', 'is not a JSON object')] : jsonFindings(type, spec)
  }
  const expected = specTypeUrl(type)
  if (messageName(received.typeUrl) !== messageName(expected))
    return [refused('spec', `has the type URL "${received.typeUrl}" instead of "${expected}"`)]
  if (known.kind === undefined) return []
  return known.kind.findings(received.spec) ?? [refused('spec', `is not a ${messageName(expected)}`)]
}

const messageName = (typeUrl: string): string => typeUrl.slice(typeUrl.lastIndexOf('/') + 1)
