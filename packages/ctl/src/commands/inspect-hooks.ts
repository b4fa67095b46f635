import { type Api, type JsonObject, objectsOf, textOf } from '../api.js'
import { defineCommand, plainOutputs } from '../cli/command.js'
import { exitStatus, type Io } from '../io.js'
import { ageText } from '../output/age.js'
import { formatted, type Output } from '../output/format.js'
import { tableText } from '../output/table.js'

const hookHeaders = ['HOOK', 'ANSWERS', 'FOR', 'POLICY', 'WAITING', 'REFUSED', 'BYPASSED', 'REASON']
const itemHeaders = ['TYPE', 'MESH', 'NAME', 'OWNER', 'STATE', 'FOR', 'TRIES', 'REASON']

/** `inspect hooks`: which policy hooks answer, and what is not published as it was written, oldest first. */
export async function inspectHooks(io: Io, api: Api, options: { readonly output: Output }): Promise<number> {
  const body = await api.tell('/_holdfast/hooks', 'items')
  io.out.write(formatted(options.output, body, () => hooksText(body, io.nowMs())))
  return exitStatus.fine
}

function hooksText(body: JsonObject, nowMs: number): string {
  const hooks = objectsOf(body.hooks)
  const items = objectsOf(body.items)
  const total = Number(body.total ?? items.length)
  if (hooks.length === 0 && items.length === 0) return 'No policy hook is configured.\n'
  const more = total > items.length ? `… and ${total - items.length} more\n` : ''
  return [
    tableText(
      hookHeaders,
      hooks.map((hook) => hookRow(hook, nowMs)),
    ),
    items.length === 0
      ? 'Everything is published.\n'
      : `${tableText(
          itemHeaders,
          items.map((item) => itemRow(item, nowMs)),
        )}${more}`,
  ].join('\n')
}

const hookRow = (hook: JsonObject, nowMs: number): readonly string[] => [
  textOf(hook.name),
  hook.configured === false
    ? 'not configured'
    : hook.answers === null
      ? 'not asked yet'
      : hook.answers === true
        ? 'yes'
        : 'NO',
  hook.since === null ? '' : ageText(hook.since, nowMs),
  textOf(hook.failurePolicy),
  String(hook.waiting ?? 0),
  String(hook.refused ?? 0),
  String(hook.bypassed ?? 0),
  textOf(hook.reason),
]

const itemRow = (item: JsonObject, nowMs: number): readonly string[] => [
  textOf(item.type),
  textOf(item.mesh),
  textOf(item.displayName),
  textOf(item.owner),
  textOf(item.state),
  ageText(item.since, nowMs),
  String(item.tries ?? 0),
  textOf(item.reason),
]

export const inspectHooksCommand = defineCommand({
  outputs: plainOutputs,
  examples: [['inspect hooks', 'which hooks answer, and what waits for one']],
  run: async ({ io, api, output }) => inspectHooks(io, await api(), { output }),
})
