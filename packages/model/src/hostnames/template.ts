import { callFunction, isTrue } from './template-functions.js'
import { type Call, type Node, type Operand, parseTemplate, TemplateError, type Value } from './template-parser.js'

/** What a template can name, in the order in which an error lists it. */
export type TemplateFields = Readonly<Record<string, string>>

/** A template, parsed once. */
export type Template =
  | { readonly outcome: 'parsed'; readonly nodes: readonly Node[] }
  | { readonly outcome: 'failed'; readonly reason: string; readonly unsupported: boolean }

export type Rendered =
  | { readonly outcome: 'rendered'; readonly text: string }
  | { readonly outcome: 'failed'; readonly reason: string }

/** A host name has at most 253 characters; what makes one needs no more than this. */
const sourceCharactersMax = 4096

export function compileTemplate(source: string): Template {
  if (source.length > sourceCharactersMax)
    return { outcome: 'failed', reason: `template: longer than ${sourceCharactersMax} characters`, unsupported: true }
  try {
    return { outcome: 'parsed', nodes: parseTemplate(source) }
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    return { outcome: 'failed', reason: error.message, unsupported: error.unsupported }
  }
}

/** Renders a template. A label that is not there is an error, never ''. */
export function renderTemplate(
  template: Template,
  fields: TemplateFields,
  label: (key: string) => string | undefined,
): Rendered {
  if (template.outcome === 'failed') return { outcome: 'failed', reason: template.reason }
  try {
    return { outcome: 'rendered', text: render(template.nodes, { fields, label }) }
  } catch (error) {
    if (error instanceof TemplateError) return { outcome: 'failed', reason: error.message }
    throw error
  }
}

interface Scope {
  readonly fields: TemplateFields
  readonly label: (key: string) => string | undefined
}

const render = (nodes: readonly Node[], scope: Scope): string => nodes.map((node) => renderNode(node, scope)).join('')

function renderNode(node: Node, scope: Scope): string {
  switch (node.is) {
    case 'text':
      return node.text
    case 'print':
      return String(evaluate(node.value, scope))
    case 'if':
      return render(isTrue(evaluate(node.when, scope)) ? node.then : node.otherwise, scope)
  }
}

const fieldsType = (fields: TemplateFields): string =>
  `struct { ${Object.keys(fields)
    .map((name) => `${name} string`)
    .join('; ')} }`

function evaluate(operand: Operand, scope: Scope): Value {
  switch (operand.is) {
    case 'literal':
      return operand.value
    case 'field':
      if (Object.hasOwn(scope.fields, operand.name)) return scope.fields[operand.name] ?? ''
      throw failedAt(operand, `can't evaluate field ${operand.name} in type ${fieldsType(scope.fields)}`)
    case 'call':
      return called(operand, operand.args, scope)
    case 'pipe':
      // The value of a pipeline is the last argument of the next command.
      return called(operand.into, [...operand.into.args, operand.from], scope)
  }
}

function called(call: Call, args: readonly Operand[], scope: Scope): Value {
  const values = args.map((arg) => evaluate(arg, scope))
  const value = callFunction(call.name, values, scope.label)
  if (value instanceof Error) throw failedAt(call, `error calling ${call.name}: ${value.message}`)
  return value
}

const failedAt = ({ line, offset, source }: Operand, reason: string): TemplateError =>
  new TemplateError(`template: :${line}:${offset}: executing "" at <${source}>: ${reason}`)
