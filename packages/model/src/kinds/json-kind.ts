import type { z } from 'zod'
import { utf8 } from '../bytes.js'
import type { KindColumn } from './columns.js'
import { type Finding, strict } from './finding.js'
import { inexactNumbers, isJsonObject, type Json, parseJson } from './json.js'
import { schemaFindings, schemaText } from './schema.js'

/** A kind whose spec is JSON: its schema, what is wrong with a spec, and its bytes. */
export interface JsonKind<Spec> {
  readonly type: string
  readonly schema: z.ZodType<Spec>
  /** What a table shows of it, beside what it shows of everything. */
  readonly columns: readonly KindColumn[]
  /** Everything there is to say about a spec, schema first. Paths begin with `spec`. */
  findings(spec: Json): readonly Finding[]
  /** The bytes that are stored: declared order, defaults in, empty fields out, unknown fields kept. */
  encode(spec: Json): Uint8Array
  /** A stored spec with defaults, or `undefined` where it does not fit the schema (a newer peer may have written it). */
  read(spec: Uint8Array): Spec | undefined
}

/** Semantic checks run on what fits the schema; where it does not, the schema's findings come alone. */
export function jsonKind<Spec>(
  type: string,
  schema: z.ZodType<Spec>,
  semantic: (spec: Spec) => Iterable<Finding>,
  columns: readonly KindColumn[] = [],
): JsonKind<Spec> {
  return {
    type,
    schema,
    columns,
    findings: (spec) => [...inexactFindings(spec), ...contentFindings(schema, semantic, spec)],
    encode: (spec) => utf8(schemaText(schema, spec)),
    read(spec) {
      const value = readJsonSpec(spec)
      const parsed = value === undefined ? undefined : schema.safeParse(value)
      return parsed?.success === true ? parsed.data : undefined
    },
  }
}

/**
 * A kind of which everything is kept that arrives over KDS, with its remarks beside it: what one version of a policy
 * demands another gives up, and a control plane in the middle must not decide for those at the ends. Only our own API
 * refuses.
 */
export function keptKind<Spec>(
  type: string,
  schema: z.ZodType<Spec>,
  semantic: (spec: Spec) => Iterable<Finding>,
  columns: readonly KindColumn[] = [],
): JsonKind<Spec> {
  return {
    ...jsonKind(type, schema, semantic, columns),
    findings: (spec) => [
      ...inexactFindings(spec),
      ...contentFindings(schema, semantic, spec).map(
        (finding): Finding => (finding.level === 'refused' ? { ...finding, level: 'strict' } : finding),
      ),
    ],
  }
}

function contentFindings<Spec>(
  schema: z.ZodType<Spec>,
  semantic: (spec: Spec) => Iterable<Finding>,
  spec: Json,
): readonly Finding[] {
  const parsed = schema.safeParse(spec)
  return parsed.success ? [...semantic(parsed.data)] : schemaFindings(schema, spec, 'spec')
}

/** Written by us, a number that is not kept exactly would be changed. What arrives over KDS is kept in its own bytes. */
export const inexactFindings = (spec: Json): readonly Finding[] =>
  inexactNumbers(spec, 'spec').map((path) =>
    strict(path, 'is a number too large to be kept exactly; write it as a string'),
  )

/** The object in a JSON spec, `undefined` if the bytes hold none. */
export function readJsonSpec(spec: Uint8Array): { readonly [key: string]: Json } | undefined {
  const result = parseJson(Buffer.from(spec.buffer, spec.byteOffset, spec.byteLength).toString('utf8'))
  return result.outcome === 'read' && isJsonObject(result.value) ? result.value : undefined
}
