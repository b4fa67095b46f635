import { allTypes, type Field, fieldsOf } from '@holdfast/model'
import { type Context, defineCommand, plainOutputs } from '../cli/command.js'
import { CliError, exitStatus, usageError } from '../io.js'
import { formatted } from '../output/format.js'
import { typeOfArgument } from './types.js'

/** `explain KIND.field`: what may stand there. Asks nobody: the schemas are those of the API. */
async function explain({ io, output }: Context, subject: string, recursive: boolean): Promise<number> {
  const [word = '', ...path] = subject.split('.')
  const type = typeOfArgument(word)
  const fields = fieldsOf(type)
  if (fields === undefined) {
    const known = allTypes.filter((each) => each.path !== undefined && fieldsOf(each) !== undefined)
    throw new CliError(
      `a ${type.name} is kept as it is written: nothing is known of its fields. Known are ${known.map(({ name }) => name).join(', ')}`,
    )
  }
  let here: Field = {
    ...{
      name: type.name,
      type: 'object',
      required: true,
      choices: [],
      default: undefined,
      minimum: undefined,
      maximum: undefined,
    },
    fields,
  }
  const walked = [type.name]
  for (const step of path) {
    const found = here.fields.find(({ name }) => name === step)
    if (found === undefined) {
      const inSpec = walked.length === 1 ? here.fields.find(({ name }) => name === 'spec') : undefined
      const isThere = inSpec?.fields.some(({ name }) => name === step) === true
      const names = here.fields.map(({ name }) => name).join(', ')
      throw usageError(
        `${walked.join('.')} has no field ${JSON.stringify(step)}; ${
          isThere ? `did you mean ${type.name}.spec.${step}?` : `there ${names === '' ? 'are none' : `are ${names}`}`
        }`,
      )
    }
    here = found
    walked.push(step)
  }
  io.out.write(
    formatted(output, { path: walked.join('.'), ...here }, () => explained(walked.join('.'), here, recursive)),
  )
  return exitStatus.fine
}

function explained(path: string, field: Field, recursive: boolean): string {
  const facts = factsOf(field)
  return [
    `${path}: ${field.type}${facts === '' ? '' : ` (${facts})`}\n`,
    ...(field.fields.length === 0 ? [] : ['\nFields:\n', ...lines(field.fields, 1, recursive)]),
  ].join('')
}

function lines(fields: readonly Field[], depth: number, recursive: boolean): readonly string[] {
  const width = Math.max(...fields.map(({ name }) => name.length))
  return fields.flatMap((field) => {
    const facts = factsOf(field)
    const more = field.fields.length > 0 && !recursive ? ' …' : ''
    return [
      `${'  '.repeat(depth)}${field.name.padEnd(width)}  ${field.type}${more}${facts === '' ? '' : ` (${facts})`}\n`,
      ...(recursive ? lines(field.fields, depth + 1, true) : []),
    ]
  })
}

const factsOf = ({ required, choices, default: value, minimum, maximum }: Field): string =>
  [
    ...(required ? ['required'] : []),
    ...(choices.length > 0 ? [`one of ${choices.join(', ')}`] : []),
    ...(value === undefined ? [] : [`default ${value}`]),
    ...(minimum === undefined ? [] : [`at least ${minimum}`]),
    ...(maximum === undefined ? [] : [`at most ${maximum}`]),
  ].join('; ')

export const explainCommand = defineCommand<{ readonly recursive: boolean }>({
  configure: (command) =>
    command
      .argument('<subject>', 'a type, or a field of it: meshservice.spec.ports')
      .option('--recursive', 'fields within fields as well', false),
  completes: ['type'],
  outputs: plainOutputs,
  examples: [
    ['explain meshservice', 'its fields'],
    ['explain meshservice.spec.ports', 'what may stand there'],
    ['explain meshtimeout --recursive', 'everything'],
  ],
  run: (context, [subject = ''], { recursive }) => explain(context, subject, recursive),
})
