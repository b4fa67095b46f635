import type { ResourceContent } from '@holdfast/model'
import { changeProblem, type HookWork, type Verdict } from '@holdfast/store'
import type { HookCaller, ItemOutcome } from './caller.js'
import { contentOfAnswer, reviewedJson } from './content.js'
import { covers } from './settings.js'

/** First and longest pause before a resource is asked about again whose hook failed over it. */
const failedPauseMs = 1_000
const failedPauseMaxMs = 3_000
/** The same where what the hook answered could not be used: it is not likely to be better soon. */
const unusablePauseMaxMs = 60_000

type Judgement = Verdict['judgement']
type Bypassed = Extract<Judgement, { kind: 'publish' }>['bypassed']

interface Case {
  readonly work: HookWork
  content: ResourceContent
  bypassed: Bypassed
  judgement: Judgement | undefined
}

/** Asks every hook that covers it about each resource, in the hooks' order, each with what the ones before have left. */
export async function judge(
  works: readonly HookWork[],
  callers: readonly HookCaller[],
  nowMs: () => number,
): Promise<readonly Verdict[]> {
  const cases = works.map(
    (work): Case => ({
      work,
      content: work.authored,
      bypassed: undefined,
      judgement: undefined,
    }),
  )
  for (const caller of callers) {
    const asked = cases.flatMap((one, index) =>
      one.judgement === undefined && covers(caller.hook, one.work.row) ? [{ one, id: String(index) }] : [],
    )
    if (asked.length === 0) continue
    const outcomes = await caller.review(
      asked.map(({ one, id }) => ({ id, zone: one.work.row.origin, resource: reviewedJson(one.work, one.content) })),
    )
    for (const { one, id } of asked) take(one, outcomes.get(id), caller, nowMs())
  }
  return cases.map(({ work, content, bypassed, judgement }) => ({
    key: { type: work.row.type, mesh: work.row.mesh, name: work.row.name },
    version: work.version,
    judgement: judgement ?? { kind: 'publish', content, bypassed },
  }))
}

function take(one: Case, outcome: ItemOutcome | undefined, { hook }: HookCaller, nowMs: number): void {
  const tries = one.work.row.form?.tries ?? 0
  const later = (maxMs: number): number => nowMs + Math.min(failedPauseMs * 2 ** Math.min(tries, 16), maxMs)
  const fail = (reason: string, nextTryMs: number, isCertain = true): void => {
    // What failed among others may be let through alone: only then it is known to do without.
    if (hook.failurePolicy === 'ignore' && isCertain) one.bypassed ??= { hook: hook.name, reason, nextTryMs }
    else one.judgement = { kind: 'failed', hook: hook.name, reason, nextTryMs }
  }
  switch (outcome?.outcome) {
    case undefined:
      fail('was not asked', later(failedPauseMaxMs))
      break
    case 'unanswered':
      fail(outcome.reason, outcome.isCertain ? later(failedPauseMaxMs) : nowMs, outcome.isCertain)
      break
    case 'failed':
      fail(`does not judge it: ${outcome.reason}`, later(failedPauseMaxMs))
      break
    case 'denied': {
      const reason = outcome.reasons.length === 0 ? 'denied without a reason' : outcome.reasons.join('; ')
      one.judgement = { kind: 'refused', hook: hook.name, reason }
      break
    }
    case 'allowed': {
      if (outcome.resource === undefined) break
      const answer = contentOfAnswer(one.work, one.content, outcome.resource)
      const problem = answer.ok ? changeProblem(one.work.row, one.content, answer.content) : answer.reason
      if (problem !== undefined) fail(problem, later(unusablePauseMaxMs))
      else if (answer.ok) one.content = answer.content
    }
  }
}
