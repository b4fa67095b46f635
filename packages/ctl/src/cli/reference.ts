import type { Command, Option } from 'commander'
import { programOf } from '../program.js'
import type { CommandFile } from './command.js'
import { jsonShapes } from './json-shapes.js'
import { type Entry, table } from './table.js'

const nowhere = { write: () => {} }
const noOptions = { version: '', env: {}, home: '', connect: async () => fetch }

/** docs/reference/cli.md: every command from the table, with all that its file says. */
export async function referenceText(): Promise<string> {
  const visible = table.filter(({ hidden }) => hidden !== true)
  const sections: string[] = []
  let heading = ''
  for (const entry of visible) {
    if (entry.heading !== undefined && entry.heading !== heading) {
      heading = entry.heading
      sections.push(`## ${heading.replace(/:$/, '')}`)
    }
    sections.push(commandText(entry, await entry.load()))
  }
  return `${[intro(), ...sections].join('\n\n')}\n`
}

function intro(): string {
  const program = programOf({ out: nowhere, err: nowhere }, noOptions, undefined, undefined, async () => {})
  return [
    '# holdfastctl',
    '',
    'Generated from the code by its tests (`HOLDFAST_GOLDEN=write` renews it): what is here is what the program has.',
    '',
    'Options of every command:',
    '',
    optionsText(program.options),
    '',
    'Where the control plane is: `--url`, else `--context`, else `HOLDFAST_URL`, else the current context of',
    '`~/.holdfastctl/config` or, read only, of kumactl’s `~/.kumactl/config`, else this machine. `HOLDFAST_TOKEN` is a user',
    'token; the configuration may have one as well. Colours are for terminals only, and not where `NO_COLOR` is set.',
    '',
    '| exit status | means                                                      |',
    '| ----------- | ---------------------------------------------------------- |',
    '| 0           | fine                                                       |',
    '| 1           | an error: it was not done, and standard error says why     |',
    '| 2           | asked wrongly                                              |',
    '| 3           | there is a difference, or something is not as it should be |',
    '',
    'What `-o json` prints is told with each command. Fields are added, never renamed or taken away within a major version.',
  ].join('\n')
}

function commandText(entry: Entry, file: CommandFile): string {
  const program = programOf({ out: nowhere, err: nowhere }, noOptions, entry, file, async () => {})
  const command = entry.words
    .split(' ')
    .reduce<Command | undefined>((at, word) => at?.commands.find((each) => each.name() === word), program)
  const args = (command?.registeredArguments ?? []).map((each) => {
    const name = `${each.name()}${each.variadic ? '...' : ''}`
    return { said: each.required ? `<${name}>` : `[${name}]`, what: each.description }
  })
  const options = command?.options ?? []
  const width = Math.max(0, ...file.examples.map(([line]) => line.length))
  const shape = jsonShapes[entry.words]
  return [
    `### ${entry.words}`,
    '',
    `${capital(entry.summary)}.`,
    '',
    '```',
    ['holdfastctl', entry.words, ...args.map(({ said }) => said), ...(options.length > 0 ? ['[options]'] : [])].join(
      ' ',
    ),
    '```',
    ...args.flatMap(({ said, what }) => (what === '' ? [] : ['', `\`${said}\`: ${what}`])),
    ...(options.length === 0 ? [] : ['', optionsText(options)]),
    ...(file.more === undefined ? [] : ['', file.more.trim()]),
    ...(file.outputs.length === 0
      ? []
      : [
          '',
          `\`-o\`: ${file.outputs.map((each) => `\`${each.replace('jsonpath=', 'jsonpath=EXPRESSION')}\``).join(', ')}`,
        ]),
    ...(shape === undefined ? [] : ['', `\`-o json\`: ${shape}`]),
    ...(file.examples.length === 0
      ? []
      : ['', '```sh', ...file.examples.map(([line, what]) => `holdfastctl ${line.padEnd(width)}  # ${what}`), '```']),
  ].join('\n')
}

const optionsText = (options: readonly Option[]): string =>
  options
    .filter(({ hidden }) => !hidden)
    .map((option) => {
      const facts = [
        ...(option.mandatory ? ['required'] : []),
        ...(option.argChoices === undefined
          ? []
          : [`one of ${option.argChoices.map((each) => `\`${each}\``).join(', ')}`]),
        ...defaultText(option),
      ]
      return `- \`${option.flags}\`: ${option.description}${facts.length === 0 ? '' : ` (${facts.join('; ')})`}`
    })
    .join('\n')

function defaultText({ defaultValue, defaultValueDescription }: Option): readonly string[] {
  if (defaultValueDescription !== undefined) return [`default \`${defaultValueDescription}\``]
  const isPlain = typeof defaultValue === 'string' || typeof defaultValue === 'number'
  return isPlain ? [`default \`${defaultValue}\``] : []
}

const capital = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`
