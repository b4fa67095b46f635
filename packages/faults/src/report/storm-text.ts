import type { StormReport } from '../storm/storm.js'

/** What a storm has come to, as a part of `docs/fault-matrix.md`. */
export function stormText(report: StormReport): string {
  const { seed, minutes, faults, acknowledged, unanswered, answers, addresses, violations, settledMs, usage } = report
  const total = Object.values(faults).reduce((sum, count) => sum + count, 0)
  const kinds = Object.entries(faults)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([kind, count]) => `${count} × ${kind.replace(/ (of|from)$/, '')}`)
  const usages = Object.entries(usage).map(
    ([name, { before, after }]) =>
      `| ${name} | ${before.memoryMiB} → ${after.memoryMiB} | ${before.descriptors} → ${after.descriptors} | ${before.timers} → ${after.timers} |`,
  )
  return `## The storm

\`pnpm faults --storm --minutes ${minutes} --seed ${seed}\`: ${total} faults drawn by the seed, two at a time, over three globals and five zones that
change what they have. ${violations.length} violations. ${acknowledged} changes were acknowledged and are in every store (${unanswered} more were tried while somebody was away, and
count for nothing), ${answers} names were answered, ${addresses} addresses stayed what they were; everybody agreed ${(settledMs / 1000).toFixed(1)} s after the last
fault.

${kinds.join(', ')}.

| process | MiB | descriptors | timers |
| ------- | --- | ----------- | ------ |
${usages.join('\n')}
${violations.length === 0 ? '' : `\n${violations.map((words) => `- ${words}`).join('\n')}\n`}`
}
