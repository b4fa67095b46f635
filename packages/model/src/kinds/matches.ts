import { z } from 'zod'
import { subdomainProblems } from '../name-rules.js'
import { type Finding, strict } from './finding.js'
import { omitEmpty } from './schema.js'
import { spiffeIdProblem } from './spiffe-id.js'

/** A client by its identity, or a connection by its server name. */
export const match = z.looseObject({
  spiffeID: z.looseObject({ type: z.enum(['Exact', 'Prefix']), value: z.string() }).optional(),
  sni: z.looseObject({ type: z.enum(['Exact']), value: z.string() }).optional(),
})
export type Match = z.infer<typeof match>

export function* matchFindings(path: string, { spiffeID, sni }: Match): Iterable<Finding> {
  const reason = spiffeID === undefined ? undefined : spiffeIdProblem(spiffeID.value)
  if (reason !== undefined) yield strict(`${path}.spiffeID`, `must be a valid Spiffe ID: ${reason}`)
  if (sni === undefined) return
  if (sni.value === '') yield strict(`${path}.sni.value`, 'must be set')
  else for (const problem of subdomainProblems(sni.value)) yield strict(`${path}.sni.value`, problem)
}

/** Each must say something. */
export function* ruleMatchFindings(path: string, matches: readonly Match[] = []): Iterable<Finding> {
  for (const [index, each] of matches.entries()) {
    yield* matchFindings(`${path}[${index}]`, each)
    if (each.spiffeID === undefined && each.sni === undefined)
      yield strict(`${path}[${index}]`, "must specify at least one of 'spiffeID' or 'sni'")
  }
}

/** Whoever is asked about by identity cannot be treated in a way that is fixed before it is known. */
export const bySourceReason =
  "can't be specified when matches contain spiffeID because this field cannot be conditioned on source identity"

export const isBySource = (matches: readonly Match[] = []): boolean =>
  matches.some(({ spiffeID }) => spiffeID !== undefined)

// Lower case, for that is how HTTP/2 writes them.
export const headerName = z
  .string()
  .min(1, { abort: true })
  .max(256, { abort: true })
  .regex(/^[a-z0-9!#$%&'*+\-.^_\x60|~]+$/)

export const headerMatch = z.looseObject({
  type: z.enum(['Exact', 'Present', 'RegularExpression', 'Absent', 'Prefix']).default('Exact'),
  name: headerName,
  value: omitEmpty(z.string()).optional(),
})

export const headerKeyValue = z.looseObject({ name: headerName, value: z.string() })
