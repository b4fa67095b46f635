import { type Api, type JsonObject, objectsOf, textOf } from '../api.js'
import { defineCommand, plainOutputs } from '../cli/command.js'
import { exitStatus, type Io } from '../io.js'
import { ageText } from '../output/age.js'
import { formatted, type Output } from '../output/format.js'
import { tableText } from '../output/table.js'

const zoneOf = (row: JsonObject): string => textOf(row.zone) || 'global'
const path = (id: string, verb = ''): string => `/_holdfast/holds/${encodeURIComponent(id)}${verb}`

/** `hold list`: what is kept although its sender does not offer it any more, and what is only missing so far. */
export async function holdList(
  io: Io,
  api: Api,
  { all, output }: { readonly all: boolean; readonly output: Output },
): Promise<number> {
  const body = await api.tell(`/_holdfast/holds${all ? '?all=true' : ''}`, 'items')
  io.out.write(
    formatted(output, body, () => {
      const absent = objectsOf(body.absent)
      return [
        tableText(
          ['ID', 'TYPE', 'ZONE', 'RESOURCES', 'STATE', 'AGE', 'REASON'],
          objectsOf(body.items).map((hold) => [
            textOf(hold.id),
            textOf(hold.type),
            zoneOf(hold),
            String(hold.resources),
            textOf(hold.state),
            ageText(hold.since, io.nowMs()),
            textOf(hold.state) === 'held' ? textOf(hold.reason) : textOf(hold.fate),
          ]),
        ),
        ...(absent.length === 0
          ? []
          : [
              '\nMissing from the list of a peer that tells no removals; it goes after a minute, or is held:\n',
              tableText(
                ['TYPE', 'ZONE', 'RESOURCES', 'AGE'],
                absent.map((row) => [
                  textOf(row.type),
                  zoneOf(row),
                  String(row.resources),
                  ageText(row.since, io.nowMs()),
                ]),
              ),
            ]),
      ].join('')
    }),
  )
  return exitStatus.fine
}

/** `hold show`: one hold, with the names of what it keeps. */
export async function holdShow(
  io: Io,
  api: Api,
  { id, output }: { readonly id: string; readonly output: Output },
): Promise<number> {
  const hold = await api.tell(path(id), 'id')
  io.out.write(formatted(output, hold, () => shown(hold, io.nowMs())))
  return exitStatus.fine
}

function shown(hold: JsonObject, nowMs: number): string {
  const keys = objectsOf(hold.keys)
  const id = textOf(hold.id)
  const open = hold.state === 'held' || (hold.state === 'rejected' && keys.length > 0)
  return [
    `hold ${id}: ${textOf(hold.type)} of ${hold.zone === null ? 'global' : `zone ${zoneOf(hold)}`}\n`,
    `  why    ${textOf(hold.reason)}\n`,
    `  since  ${textOf(hold.since)} (${ageText(hold.since, nowMs)})\n`,
    `  now    ${textOf(hold.fate)}\n`,
    ...(open
      ? [
          `  next   holdfastctl hold approve ${id}   # they are gone: delete them\n`,
          ...(hold.state === 'held' ? [`         holdfastctl hold reject ${id}    # they stay\n`] : []),
        ]
      : []),
    ...(keys.length === 0
      ? []
      : [
          '\n',
          tableText(
            ['MESH', 'NAME', 'STORED AS'],
            keys.map((key) => [textOf(key.mesh), textOf(key.displayName), textOf(key.name)]),
          ),
        ]),
    ...(Number(hold.keysMore) > 0 ? [`… and ${Number(hold.keysMore)} more\n`] : []),
  ].join('')
}

/**
 * `hold approve` and `hold reject`: each decision is about what was there when it was looked at, a moment before; what
 * was offered again meanwhile is not concerned. The first that fails ends the command; those before it are done.
 */
export async function holdDecide(
  io: Io,
  api: Api,
  {
    verb,
    ids,
    output,
  }: { readonly verb: 'approve' | 'reject'; readonly ids: readonly string[]; readonly output: Output },
): Promise<number> {
  for (const id of ids) {
    const { resources } = await api.get(path(id))
    const decided = await api.post(path(id, `/${verb}`), { resources })
    io.out.write(
      formatted(
        output,
        decided,
        () => `hold ${id}: ${textOf(decided.fate)} (${textOf(decided.type)} of ${zoneOf(decided)})\n`,
      ),
    )
  }
  return exitStatus.fine
}

export const holdListCommand = defineCommand<{ readonly all: boolean }>({
  configure: (command) => command.option('--all', 'decided and ended ones as well', false),
  outputs: plainOutputs,
  examples: [
    ['hold list', 'what waits, and why'],
    ['hold list --all', 'and what became of the others'],
  ],
  run: async ({ io, api, output }, _, { all }) => holdList(io, await api(), { all, output }),
})

export const holdShowCommand = defineCommand({
  configure: (command) => command.argument('<id>'),
  completes: ['hold'],
  outputs: plainOutputs,
  examples: [['hold show 8f14e45f-ceea-467f-a9f1-0123456789ab', 'the names of what it keeps']],
  run: async ({ io, api, output }, [id = '']) => holdShow(io, await api(), { id, output }),
})

const decisionCommand = (verb: 'approve' | 'reject', what: string) =>
  defineCommand({
    configure: (command) => command.argument('<id...>'),
    completes: ['hold'],
    outputs: plainOutputs,
    examples: [[`hold ${verb} 8f14e45f-ceea-467f-a9f1-0123456789ab`, what]],
    run: async ({ io, api, output }, ids) => holdDecide(io, await api(), { verb, ids, output }),
  })
export const holdApproveCommand = decisionCommand('approve', 'they are gone: delete them')
export const holdRejectCommand = decisionCommand('reject', 'they stay')
