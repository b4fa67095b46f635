import {
  type Audience,
  audienceAt,
  displayNameLabel,
  exportName,
  findType,
  meshLabel,
  namespaceLabel,
  originLabel,
  type ResourceContent,
  type ResourceKey,
  typeOf,
  zoneLabel,
} from '@holdfast/model'
import { authoredOf, type Form, sameContent, versionOf } from './forms.js'
import { nothingNeeded } from './loaded.js'
import type { PlanOptions } from './local.js'
import { meshReturns } from './meshes.js'
import { specProblems } from './receipt.js'
import type { Needs, Row } from './types.js'
import type { Unit } from './unit.js'
import type { WorkingSet } from './working-set.js'

/** What the hooks have said of one version of a resource, all of them taken together. */
export interface Verdict {
  readonly key: ResourceKey
  /** `versionOf` the authored content that they were shown. */
  readonly version: string
  readonly judgement:
    | {
        readonly kind: 'publish'
        /** As the last hook left it. */
        readonly content: ResourceContent
        /** A hook that did not answer and may be done without: it is asked again. */
        readonly bypassed?: { readonly hook: string; readonly reason: string; readonly nextTryMs: number } | undefined
      }
    | { readonly kind: 'refused'; readonly hook: string; readonly reason: string }
    | { readonly kind: 'failed'; readonly hook: string; readonly reason: string; readonly nextTryMs: number }
}

/** `outdated`: it was changed or deleted meanwhile, so the answer is about something that is not there any more. */
export type Judged = 'published' | 'refused' | 'waiting' | 'outdated'

/** Pause before a refused resource is shown to its hook again; each refusal of the same doubles it. */
const refusedPauseMs = 30_000
const refusedPauseMaxMs = 3_600_000

/** Labels that the control planes compute or that are part of the identity: no hook may touch them. */
const systemLabels = [displayNameLabel, meshLabel, namespaceLabel, originLabel, zoneLabel]

/**
 * Why what a hook has made of a resource cannot be published; undefined if it can. A hook changes neither who a
 * resource is nor whose, and what it answers is validated like anything that comes from outside.
 */
export function changeProblem(
  row: Pick<Row, 'type' | 'mesh' | 'name' | 'exportName'>,
  authored: ResourceContent,
  changed: ResourceContent,
): string | undefined {
  const touched = [...new Set([...Object.keys(authored.labels), ...Object.keys(changed.labels)])]
    .filter(isSystemLabel)
    .filter((label) => authored.labels[label] !== changed.labels[label])
  if (touched.length > 0)
    return `it changes ${touched.map((label) => `label ${label}`).join(', ')}, which belongs to the control plane`
  const type = findType(row.type)
  if (
    type !== undefined &&
    exportName(type, row.mesh, row.name, changed.labels) !== exportName(type, row.mesh, row.name, authored.labels)
  )
    return 'it changes labels that its name follows from'
  const { problems } = specProblems({ type: row.type, mesh: row.mesh, name: row.exportName, ...changed })
  return problems.length === 0 ? undefined : `what it answers is not valid: ${problems.join('; ')}`
}

const isSystemLabel = (label: string): boolean =>
  systemLabels.includes(label) || label.startsWith('holdfast.io/') || label === 'kuma.io/kds-sync'

/** Publishes what the hooks let through and notes what they did not, as one unit (LKG). */
export const judgedUnit = (verdicts: readonly Verdict[], options: PlanOptions): Unit<readonly Judged[]> => ({
  needs: needsOfKeys(verdicts.map((verdict) => verdict.key)),
  more: () => nothingNeeded,
  plan: (ws) => ws.wholly(() => verdicts.map((verdict) => planVerdict(verdict, ws, options))),
})

const needsOfKeys = (keys: readonly ResourceKey[]): Needs => ({
  ...nothingNeeded,
  keys,
  meshes: [...new Set(keys.map((key) => key.mesh).filter((mesh) => mesh !== ''))],
  rowsOfMeshes: keys.filter((key) => key.type === 'Mesh').map((key) => key.name),
})

function planVerdict({ key, version, judgement }: Verdict, ws: WorkingSet, options: PlanOptions): Judged {
  const row = ws.liveRow(key)
  const form = row?.form
  if (row === undefined || form === undefined || versionOf(form) !== version) return 'outdated'
  switch (judgement.kind) {
    case 'publish': {
      const { content, bypassed } = judgement
      const problem = changeProblem(row, form, content)
      // Whoever asks the hooks has looked already; this is the last line.
      if (problem !== undefined) return note(row, { ...form, state: 'refused', reason: problem }, ws, options)
      const settled: Form | undefined = sameContent(form, content)
        ? undefined
        : {
            ...form,
            state: 'changed',
            published: true,
            hook: undefined,
            reason: undefined,
            nextTryMs: undefined,
            tries: 0,
          }
      publish(
        row,
        content,
        bypassed === undefined
          ? settled
          : { ...form, ...bypassed, state: 'bypassed', published: true, tries: form.tries + 1 },
        ws,
        options,
      )
      return 'published'
    }
    case 'refused':
      return note(row, { ...form, hook: judgement.hook, reason: judgement.reason, state: 'refused' }, ws, options)
    case 'failed': {
      const { hook, reason, nextTryMs } = judgement
      // A refusal stands until the hook says otherwise: that it does not answer now changes nothing about it.
      const before = form.state === 'refused' ? form.reason : undefined
      ws.put({ ...row, form: { ...form, hook, reason: before ?? reason, nextTryMs, tries: form.tries + 1 } }, row.entry)
      return form.state === 'refused' ? 'refused' : 'waiting'
    }
  }
}

function note(row: Row, form: Form, ws: WorkingSet, { nowMs }: PlanOptions): 'refused' {
  const pause = Math.min(refusedPauseMs * 2 ** Math.min(form.tries, 16), refusedPauseMaxMs)
  ws.put({ ...row, form: { ...form, nextTryMs: nowMs + pause, tries: form.tries + 1 } }, row.entry)
  return 'refused'
}

/** The published form is replaced; who it is, whose, and its addresses stay as they are (VIP-2). */
function publish(row: Row, content: ResourceContent, form: Form | undefined, ws: WorkingSet, { nowMs }: PlanOptions) {
  const { labels, typeUrl, spec } = content
  const wasPublished = row.form?.published !== false
  const audience = audienceOfPublished({ ...row, labels, spec }, ws)
  const isSame = wasPublished && row.audience === audience && sameContent(row, content)
  ws.put(
    {
      ...row,
      labels,
      typeUrl,
      spec,
      audience,
      exposed: row.exposed || audience === 'all',
      modifiedAtMs: isSame ? row.modifiedAtMs : nowMs,
      form,
    },
    isSame ? row.entry : undefined,
  )
  if (row.type === 'Mesh' && !wasPublished) meshReturns(row.name, ws, nowMs)
}

function audienceOfPublished(row: Row, ws: WorkingSet): Audience {
  const audience = audienceAt(ws.identity.role, typeOf(row.type), row)
  return audience === 'all' && row.mesh !== '' && !ws.isMeshSeen(row.mesh) ? 'suspended' : audience
}

/**
 * The hooks have changed: what one of them covers is judged anew, while its published form stays; what none covers any
 * more is published as it was authored.
 */
export const sweptUnit = (
  keys: readonly ResourceKey[],
  options: PlanOptions,
  /** The first step after a change: whoever plans at the same time plans again, and knows of it then. */
  isFirst = false,
): Unit<number> => ({
  needs: needsOfKeys(keys),
  more: () => nothingNeeded,
  plan: (ws) =>
    ws.wholly(() => {
      if (isFirst)
        ws.audit({
          atMs: options.nowMs,
          actor: 'settings',
          action: 'policy hooks changed',
          subject: 'global',
          detail: { fingerprint: options.hooks?.fingerprint ?? null },
        })
      return keys.filter((key) => sweep(ws.liveRow(key), ws, options)).length
    }),
})

function sweep(row: Row | undefined, ws: WorkingSet, options: PlanOptions): boolean {
  if (row === undefined) return false
  const { nowMs, hooks } = options
  const authored = authoredOf(row)
  const own = audienceAt(ws.identity.role, typeOf(row.type), authored)
  const hook = own === 'none' ? undefined : hooks?.firstHook(row)
  if (hook === undefined) {
    if (row.form === undefined) return false
    publish(row, authored, undefined, ws, options)
    return true
  }
  const form: Form = {
    labels: authored.labels,
    typeUrl: authored.typeUrl,
    spec: authored.spec,
    state: 'waiting',
    published: row.form?.published ?? true,
    hook,
    reason: undefined,
    sinceMs: row.form?.sinceMs ?? nowMs,
    nextTryMs: nowMs,
    tries: 0,
  }
  ws.put({ ...row, form }, row.entry)
  return true
}

/** What a hook may be shown of a row, and what an answer is about. */
export interface HookWork {
  readonly row: Row
  readonly authored: ResourceContent
  readonly version: string
}

export const workOf = (row: Row): HookWork => {
  const { labels, typeUrl, spec } = authoredOf(row)
  return { row, authored: { labels, typeUrl, spec }, version: versionOf({ labels, typeUrl, spec }) }
}
