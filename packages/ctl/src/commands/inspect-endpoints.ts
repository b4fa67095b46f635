import { type Api, type JsonObject, objectsOf, textOf } from '../api.js'
import { defineCommand, plainOutputs } from '../cli/command.js'
import { exitStatus, type Io } from '../io.js'
import { ageText } from '../output/age.js'
import { formatted, type Output } from '../output/format.js'
import { tableText } from '../output/table.js'

const headers = ['ADDRESS', 'KNOWN FROM', 'STATE', 'FAILURES', 'IN STEP AGO', 'LAST ERROR', 'AGO']
const sources: Readonly<Record<string, string>> = {
  good: 'global, proven',
  learned: 'global, not proven yet',
  configured: '--global-address',
}

/** `inspect endpoints`, at a zone: where it may dial global, over which it does, and what failed. Exit 1 if over none. */
export async function inspectEndpoints(io: Io, api: Api, options: { readonly output: Output }): Promise<number> {
  const { globalEndpoints, globalEndpointProblems } = await api.tell('/_holdfast/sync', 'peers')
  const items = objectsOf(globalEndpoints)
  const problems = Array.isArray(globalEndpointProblems) ? globalEndpointProblems.map(String) : []
  io.out.write(formatted(options.output, { items, problems }, () => endpointsText(items, problems, io.nowMs())))
  return items.some(({ state }) => state === 'in use') ? exitStatus.fine : exitStatus.differs
}

function endpointsText(items: readonly JsonObject[], problems: readonly string[], nowMs: number): string {
  if (items.length === 0) return 'This control plane dials no global.\n'
  const table = tableText(
    headers,
    items.map((one) => [
      textOf(one.address),
      sources[textOf(one.source)] ?? textOf(one.source),
      textOf(one.state),
      String(one.failures ?? 0),
      one.lastInStepAt === null ? '' : ageText(one.lastInStepAt, nowMs),
      textOf(one.lastError),
      one.lastErrorAt === null ? '' : ageText(one.lastErrorAt, nowMs),
    ]),
  )
  return `${table}${problems.map((problem) => `${problem}\n`).join('')}`
}

export const inspectEndpointsCommand = defineCommand({
  outputs: plainOutputs,
  examples: [['inspect endpoints', 'at a zone: which way to global is in use, and why others failed']],
  run: async ({ io, api, output }) => inspectEndpoints(io, await api(), { output }),
})
