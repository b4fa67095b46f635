import {
  contentHash,
  equalBytes,
  exportLabels,
  hex,
  hookableTypes,
  type Labels,
  type ResourceContent,
} from '@holdfast/model'
import { entryOfRow } from './entries.js'
import type { Row } from './types.js'
import type { RowDraft, WorkingSet } from './working-set.js'

/**
 * - `waiting`: no hook has judged it yet; what is published is its last good version, or nothing if it is new
 * - `bypassed`: published without a hook that did not answer and may be done without; to be replaced
 * - `refused`: a hook has said no; published is its last good version, or nothing if it is new
 * - `changed`: published as the hooks have changed it
 */
export type FormState = 'waiting' | 'bypassed' | 'refused' | 'changed'

/**
 * A resource as its author wrote it, where that is not what the views show: the row keeps the published form, so that
 * log, digests, resume and repair speak of what is published, and this stands beside it.
 */
export interface Form {
  readonly labels: Labels
  readonly typeUrl: string
  readonly spec: Uint8Array
  readonly state: FormState
  /** Whether the row's content may be seen: false for what no hook has ever let through. */
  readonly published: boolean
  /** The hook that it waits for, or that refused or was bypassed; undefined once everything is settled. */
  readonly hook?: string | undefined
  readonly reason?: string | undefined
  /** Since when the published form is behind (or without the hook). */
  readonly sinceMs: number
  /** When the hook is asked (again); undefined: not, until it changes. */
  readonly nextTryMs?: number | undefined
  readonly tries: number
  /** Digest entry of the row when this was written: another one now means that the row was changed by hand. */
  readonly rowEntry?: string | undefined
}

/** Which resources need a hook's consent before they are published. Pure; the same for the whole life of a process. */
export interface HookCover {
  /** The first hook that is to be asked; undefined: nobody is. */
  firstHook(resource: Pick<Row, 'type' | 'mesh' | 'name' | 'origin'>): string | undefined
  readonly names: readonly string[]
  /** Identity of all that decides on answers: with another one everything is judged anew. `noHooks` without any. */
  readonly fingerprint: string
}

/** What waits for a hook that nobody has named: those who have the newest hooks find out which it is. */
export const nobodysHook = ''

const hookable: ReadonlySet<string> = new Set(hookableTypes)

/**
 * The hook that is to be asked about a resource. A process whose hooks are not those that were configured last (it has
 * yet to be restarted) does not know: it publishes nothing that a hook may cover, and leaves it to those who do.
 * @param configured fingerprint of the hooks that were configured last
 */
export function hookFor(
  resource: Pick<Row, 'type' | 'mesh' | 'name' | 'origin'>,
  hooks: HookCover | undefined,
  configured: string | undefined,
): string | undefined {
  const isOutdated = configured !== undefined && configured !== (hooks?.fingerprint ?? noHooks)
  if (isOutdated) return hookable.has(resource.type) ? nobodysHook : undefined
  return hooks?.firstHook(resource)
}

/** Fingerprint of no hooks at all. */
export const noHooks = 'none'

/** The row as its author wrote it: what the API shows, changes are compared with, and an owner gets back. */
export const authoredOf = <R extends RowDraft>(row: R): R =>
  row.form === undefined ? row : { ...row, labels: row.form.labels, typeUrl: row.form.typeUrl, spec: row.form.spec }

/** Digest entry of the authored form: what the sender has offered if it is kept. */
export const authoredEntryOf = (row: Row): string | undefined =>
  row.form === undefined || row.deleted ? row.entry : entryOfRow(authoredOf(row))

/** 64 hex digits: which version of a resource an answer is about. */
export const versionOf = (content: ResourceContent): string =>
  hex(contentHash({ labels: exportLabels(content.labels), typeUrl: content.typeUrl, spec: content.spec }))

/** A hook has said no, or was asked in vain: what is published is older than what its origin says, or nothing. */
export const isHeldByHook = (row: Row): boolean =>
  !row.deleted && (row.form?.state === 'refused' || (row.form?.state === 'waiting' && row.form.tries > 0))

/** No hook has let it through yet: it is kept, and nobody sees it. */
export const isUnpublished = (row: RowDraft | undefined): boolean =>
  row !== undefined && !row.deleted && row.form?.published === false

/** The published form is behind what was authored. */
export const isStale = ({ form }: RowDraft): boolean =>
  form !== undefined && (form.state === 'waiting' || form.state === 'refused')

/** The row was changed behind the program's back: its form remembers another one. */
export const isDamaged = (row: Row): boolean => row.form !== undefined && row.form.rowEntry !== row.entry

export const sameContent = (a: ResourceContent, b: ResourceContent): boolean =>
  a.typeUrl === b.typeUrl && equalBytes(a.spec, b.spec) && sameLabels(a.labels, b.labels)

export function sameLabels(a: Labels, b: Labels): boolean {
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key])
}

export const sameForm = (a: Form | undefined, b: Form | undefined): boolean =>
  a === b ||
  (a !== undefined &&
    b !== undefined &&
    a.state === b.state &&
    a.published === b.published &&
    a.hook === b.hook &&
    a.reason === b.reason &&
    a.sinceMs === b.sinceMs &&
    a.nextTryMs === b.nextTryMs &&
    a.tries === b.tries &&
    sameContent(a, b))

/**
 * What is to be written of an authored resource: itself, if no hook is to be asked; else its last good version, which
 * stays published, with the authored form beside it. What the owner's addresses are is no hook's business: they change
 * at once. A removal never comes here, so no hook can hold one (ORDER).
 * @param before the row as it was, live or not
 */
export function awaitHooks(
  authored: RowDraft,
  before: Row | undefined,
  ws: Pick<WorkingSet, 'hooks'>,
  { hooks, nowMs }: { readonly hooks?: HookCover | undefined; readonly nowMs: number },
): RowDraft {
  const living = before !== undefined && sameIdentity(before, authored) ? before : undefined
  const hook = authored.audience === 'none' ? undefined : hookFor(authored, hooks, ws.hooks)
  if (hook === undefined) return { ...authored, form: undefined }
  const isSame = living !== undefined && sameContent(authoredOf(living), authored) && !isDamaged(living)
  if (isSame && living.form === undefined && living.audience !== 'none') return authored
  const wasPublished = living !== undefined && (living.form?.published ?? living.audience !== 'none')
  const form: Form =
    isSame && living.form !== undefined
      ? living.form
      : {
          labels: authored.labels,
          typeUrl: authored.typeUrl,
          spec: authored.spec,
          state: 'waiting',
          published: wasPublished,
          hook,
          sinceMs: living !== undefined && isStale(living) ? (living.form?.sinceMs ?? nowMs) : nowMs,
          nextTryMs: nowMs,
          tries: 0,
        }
  if (!wasPublished)
    return { ...authored, audience: 'none', exposed: before?.exposed ?? false, form: { ...form, published: false } }
  const { labels, typeUrl, spec } = living
  return { ...authored, labels, typeUrl, spec, form }
}

/** Everything by which others know it: with another one it is another resource, and nothing of it was published. */
const sameIdentity = (a: Row, b: RowDraft): boolean =>
  !a.deleted &&
  a.origin === b.origin &&
  a.exportName === b.exportName &&
  a.namespace === b.namespace &&
  a.displayName === b.displayName
