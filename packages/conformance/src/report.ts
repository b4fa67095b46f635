/** `broken`: seen to be otherwise; `undecided`: nothing was seen that would tell. */
export type Outcome = 'kept' | 'broken' | 'undecided'

export interface Verdict {
  readonly outcome: Outcome
  /** What was seen, in words and numbers. */
  readonly evidence: string
}

export const kept = (evidence: string): Verdict => ({ outcome: 'kept', evidence })
export const broken = (evidence: string): Verdict => ({ outcome: 'broken', evidence })
export const undecided = (evidence: string): Verdict => ({ outcome: 'undecided', evidence })

/** One rule and what became of it. */
export interface Finding extends Verdict {
  readonly id: string
  /** What a peer does that keeps it. */
  readonly rule: string
  /** `must`: a Kuma zone does not work without it; `should`: it does, and somebody pays for it. */
  readonly level: 'must' | 'should'
}

export interface Report {
  readonly peer: string
  /** Names of the zones that were played. A global keeps an object for each. */
  readonly zones: readonly string[]
  readonly findings: readonly Finding[]
  readonly tookMs: number
}

export const isConformant = ({ findings }: Report): boolean => findings.every(({ outcome }) => outcome !== 'broken')

/** How a stream ended, in the peer's own words. */
export const endText = (
  stream: string,
  { code, details }: { readonly code: string; readonly details: string },
): string => `${stream} ended with ${code}: ${details}`

/** Whole values in a line, the first few of many. */
export function some(items: readonly string[], max = 3): string {
  const shown = items.slice(0, max).join('; ')
  return items.length > max ? `${shown}; and ${items.length - max} more` : shown
}

/** JUnit XML, as CI systems read it. */
export function junit({ peer, findings, tookMs }: Report): string {
  const count = (outcome: Outcome): number => findings.filter((f) => f.outcome === outcome).length
  const cases = findings.map(({ id, rule, level, outcome, evidence }) => {
    const open = `    <testcase classname="kds.${level}" name="${xml(`${id}: ${rule}`)}">`
    const inner = {
      kept: `<system-out>${xml(evidence)}</system-out>`,
      broken: `<failure message="${xml(rule)}">${xml(evidence)}</failure>`,
      undecided: `<skipped message="${xml(evidence)}"/>`,
    }[outcome]
    return `${open}${inner}</testcase>`
  })
  const totals = `tests="${findings.length}" failures="${count('broken')}" skipped="${count('undecided')}" time="${(tookMs / 1000).toFixed(3)}"`
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${totals}>`,
    `  <testsuite name="${xml(`KDS conformance of ${peer}`)}" ${totals}>`,
    ...cases,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n')
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
/** XML 1.0 has no place for most control characters, whatever is done to them. */
const xml = (text: string): string =>
  text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replace(/[&<>"]/g, (found) => entities[found] ?? found)
