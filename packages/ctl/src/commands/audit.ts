import { type Api, isObject, objectsOf, textOf } from '../api.js'
import { defineCommand, plainOutputs } from '../cli/command.js'
import { exitStatus, type Io } from '../io.js'
import { ageText } from '../output/age.js'
import { formatted, type Output } from '../output/format.js'
import { tableText } from '../output/table.js'

const path = '/_holdfast/audit'

/** `audit list`: who changed what, newest first. */
export async function auditList(
  io: Io,
  api: Api,
  options: { readonly size: number; readonly output: Output },
): Promise<number> {
  const body = await api.tell(`${path}?size=${options.size}`, 'items')
  io.out.write(
    formatted(options.output, body, () =>
      tableText(
        ['AGO', 'WHO', 'FROM', 'WHAT', 'SUBJECT'],
        objectsOf(body.items).map((line) => [
          ageText(line.at, io.nowMs()),
          textOf(line.actor),
          isObject(line.detail) ? textOf(line.detail.from) : '',
          textOf(line.action),
          textOf(line.subject),
        ]),
      ),
    ),
  )
  return exitStatus.fine
}

/** `audit verify`: whether the log is what was written. */
export async function auditVerify(io: Io, api: Api, output: Output): Promise<number> {
  const body = await api.tell(`${path}/verify`, 'ok')
  const proven = `${String(body.proven ?? 0)} lines are what was written`
  const unproven = Number(body.unproven ?? 0)
  io.out.write(
    formatted(output, body, () =>
      body.ok === true
        ? `${proven}${unproven > 0 ? `, ${unproven} are of before there were hashes` : ''}; the last is number ${String(body.lastLine)}\n` +
          `keep this elsewhere, and it shows later that nothing was cut off: ${textOf(body.head)}\n`
        : `${textOf(body.problem)}; ${proven} before that\n`,
    ),
  )
  return body.ok === true ? exitStatus.fine : exitStatus.differs
}

/** `audit export`: all of it, oldest first, a JSON object per line, with what proves it. */
export async function auditExport(io: Io, api: Api, after: number): Promise<number> {
  for (let from: unknown = after; typeof from === 'number'; ) {
    const page = await api.tell(`${path}?after=${from}&size=1000`, 'items')
    for (const line of objectsOf(page.items)) io.out.write(`${JSON.stringify(line)}\n`)
    from = page.next
  }
  return exitStatus.fine
}

export const auditListCommand = defineCommand<{ readonly size: string }>({
  configure: (command) => command.option('--size <count>', 'how many lines', '50'),
  outputs: plainOutputs,
  examples: [
    ['audit list', 'who changed what, newest first'],
    ['audit list --size 1000 -o json', 'with what was before and after'],
  ],
  run: async ({ io, api, output }, _, { size }) => auditList(io, await api(), { size: Number(size), output }),
})

export const auditVerifyCommand = defineCommand({
  outputs: plainOutputs,
  examples: [['audit verify', 'exit status 3 if a line was changed, added or taken away']],
  run: async ({ io, api, output }) => auditVerify(io, await api(), output),
})

export const auditExportCommand = defineCommand<{ readonly after: string }>({
  configure: (command) => command.option('--after <number>', 'only lines after this one', '0'),
  outputs: [],
  examples: [['audit export > audit.jsonl', 'all of it, oldest first, a JSON object per line']],
  run: async ({ io, api }, _, { after }) => auditExport(io, await api(), Number(after)),
})
