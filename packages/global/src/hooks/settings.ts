import { hash } from 'node:crypto'
import { hookableTypes } from '@holdfast/model'
import { type HookCover, noHooks, type Row } from '@holdfast/store'

/** A policy hook as an operator has configured it; see docs/policy-hooks.md. */
export interface PolicyHook {
  readonly name: string
  /** `http(s)://HOST[:PORT]/PATH` or `grpc(s)://HOST:PORT`. */
  readonly url: string
  /** Names of types; undefined: all that may be covered. */
  readonly types?: readonly string[] | undefined
  /** Meshes whose resources, the Mesh itself included, are covered; undefined: all, and what lives in no mesh. */
  readonly meshes?: readonly string[] | undefined
  /** Bound of a whole call. */
  readonly timeoutMs: number
  /** What becomes of a resource whose hook does not answer: it stays at its last good version, or goes without. */
  readonly failurePolicy: 'hold' | 'ignore'
  /** Largest answer that is read. */
  readonly maxBodyBytes: number
  /** PEM; the system's roots if absent. */
  readonly rootCa?: Buffer | undefined
  /** Name in the certificate, where it is not the host's. */
  readonly serverName?: string | undefined
}

type Asked = Pick<Row, 'type' | 'mesh' | 'name'>

/** Whether a hook is to be asked about a resource. */
export function covers(hook: PolicyHook, { type, mesh, name }: Asked): boolean {
  if (!(hook.types ?? hookableTypes).includes(type) || !hookableTypes.includes(type)) return false
  return hook.meshes === undefined || hook.meshes.includes(type === 'Mesh' ? name : mesh)
}

/** The hooks, in their order, as the plans of the store see them. */
export const coverOf = (hooks: readonly PolicyHook[]): HookCover => ({
  names: hooks.map((hook) => hook.name),
  firstHook: (resource) => hooks.find((hook) => covers(hook, resource))?.name,
  fingerprint:
    hooks.length === 0
      ? noHooks
      : hash(
          'sha256',
          JSON.stringify(hooks.map(({ name, url, types, meshes }) => [name, url, types ?? null, meshes ?? null])),
        ),
})

/** Every type that at least one hook may be asked about. */
export const coveredTypes = (hooks: readonly PolicyHook[]): readonly string[] =>
  hookableTypes.filter((type) => hooks.some((hook) => (hook.types ?? hookableTypes).includes(type)))
