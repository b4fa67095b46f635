import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAst } from 'rolldown/parseAst'

/** A node of the syntax tree, as far as it is looked at here. */
interface SyntaxNode {
  readonly type: string
  readonly start: number
  readonly [field: string]: unknown
}

/** One text that the source says to somebody. */
export interface SourceText {
  /** `commands/apply.ts:12`, below the folder that was searched. */
  readonly at: string
  /**
   * What it can come to, as regular expressions: what is computed stands for anything, and of what is chosen (`a ? b : c`)
   * each choice has one. Empty where too little of it is fixed to be told from others.
   */
  readonly patterns: readonly string[]
}

/** Where texts are. */
export interface Places {
  /**
   * The argument of that place of a function or a class of that name; of two places `PATH: TEXT` is made, as findings are
   * printed. `list.push` is that of a variable of that name only.
   */
  readonly calls?: Readonly<Record<string, number | readonly [path: number, text: number]>>
  /** What functions of these names return or yield, as far as it is fixed. */
  readonly returns?: readonly string[]
  /** The value of a property of that name, in an object that has this other one too; '' for any object. */
  readonly properties?: Readonly<Record<string, string>>
}

/**
 * Every text at such a place below a folder, tests and what is only for tests left out. The syntax is read, not the
 * characters, so that a text over several lines, or a name in a comment, is neither missed nor made up.
 */
export function sourceTexts(
  folder: string,
  { calls = {}, properties = {}, returns = [] }: Places,
): readonly SourceText[] {
  const found: SourceText[] = []
  const names = [...Object.keys(calls).map((name) => name.replace(/^.*\./, '')), ...Object.keys(properties), ...returns]
  eachNode(folder, names, (node, at, constants) => {
    const text = (...values: readonly unknown[]) => found.push({ at: at(), patterns: patternsOf(values, constants) })
    if (node.type === 'CallExpression' || node.type === 'NewExpression') {
      const name = [longNameOf(node.callee), nameOf(node.callee)].find((each) => Object.hasOwn(calls, each))
      const place = name === undefined ? undefined : calls[name]
      const given = nodesOf(node.arguments)
      if (typeof place === 'number') text(given[place])
      else if (place !== undefined) text(...place.map((each) => given[each]))
    }
    if (returns.includes(nameOf(node.id))) {
      for (const value of returned(node.type === 'VariableDeclarator' ? node.init : node)) {
        const patterns = patternsOf([value], constants)
        if (patterns.length > 0) found.push({ at: at(), patterns })
      }
    }
    if (node.type !== 'ObjectExpression') return
    const members = new Map(nodesOf(node.properties).map((each) => [nameOf(each.key), each]))
    for (const [name, beside] of Object.entries(properties)) {
      const member = members.get(name)
      if (member !== undefined && member.shorthand !== true && (beside === '' || members.has(beside)))
        text(member.value)
    }
  })
  return found
}

/** The headers of each table that is printed by a function of that name: a pattern of the line that they make. */
export function sourceTables(folder: string, callee: string): readonly SourceText[] {
  const found: SourceText[] = []
  eachNode(folder, [callee], (node, at, constants) => {
    if (node.type !== 'CallExpression' || nameOf(node.callee) !== callee) return
    const first = nodesOf(node.arguments)[0]
    const list = first?.type === 'Identifier' ? constants.get(nameOf(first)) : first
    const headers = list?.type === 'ArrayExpression' ? nodesOf(list.elements) : []
    const cells = headers.map((each) =>
      each.type === 'Literal' && typeof each.value === 'string' ? escaped(each.value) : anything,
    )
    found.push({ at: at(), patterns: cells.some((cell) => cell !== anything) ? [`^${cells.join(' *')}$`] : [] })
  })
  return found
}

/** What a text is called of which nothing is fixed. */
export const computed = 'all of it is computed'

/** Texts of which nothing in `printed` is one, with their patterns; and those that cannot be told from others. */
export function notPrinted(texts: readonly SourceText[], printed: readonly string[]): readonly string[] {
  const isPrinted = (pattern: string): boolean => {
    // What stands for anything at an end, or twice, asks for nothing and is tried from every character of what is printed.
    const parts = pattern.split(anything).filter((part) => part !== '')
    const expression = new RegExp(parts.join(anything), 'm')
    return printed.some((each) => expression.test(each))
  }
  return texts.flatMap(({ at, patterns }) =>
    patterns.length === 0
      ? [`${at} ${computed}`]
      : patterns.filter((pattern) => !isPrinted(pattern)).map((pattern) => `${at} ${pattern}`),
  )
}

/** What names stand for at a place. */
type Constants = { readonly get: (name: string) => SyntaxNode | undefined }

function eachNode(
  folder: string,
  names: readonly string[],
  visit: (node: SyntaxNode, at: () => string, constants: Constants) => void,
): void {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(
      (file) =>
        file.endsWith('.ts') &&
        !file.endsWith('.test.ts') &&
        !file.split('/').some((part) => part === 'testing' || part === 'conformance'),
    )
    .sort()
  for (const file of files) {
    const text = readFileSync(join(folder, file), 'utf8')
    if (!names.some((name) => text.includes(name))) continue
    const program = parseAst(text, { lang: 'ts' }) as unknown as SyntaxNode
    const place = (node: SyntaxNode): string => `${file}:${text.slice(0, node.start).split('\n').length}`
    walk(program, { get: () => undefined }, (node, constants) => visit(node, () => place(node), constants))
  }
}

/** Every node, with what the names that can be seen there are declared to be. */
function walk(node: SyntaxNode, outer: Constants, visit: (node: SyntaxNode, constants: Constants) => void): void {
  const constants = isScope(node) ? within(outer, new Map(declarations(node))) : outer
  visit(node, constants)
  for (const child of childrenOf(node)) walk(child, constants, visit)
}

/** What a scope declares hides what is around it, parameters without a value too. */
const within = (outer: Constants, own: ReadonlyMap<string, SyntaxNode | undefined>): Constants => ({
  get: (name) => (own.has(name) ? own.get(name) : outer.get(name)),
})

const isScope = ({ type }: SyntaxNode): boolean => /^(Program|BlockStatement|For\w*Statement)$|Function/.test(type)

/** Of a scope, not of those in it: names with their values; undefined for parameters and what is taken apart. */
function declarations(scope: SyntaxNode): readonly (readonly [string, SyntaxNode | undefined])[] {
  const declared = (node: SyntaxNode): readonly (readonly [string, SyntaxNode | undefined])[] => {
    if (node !== scope && isScope(node)) return []
    const own =
      node.type !== 'VariableDeclarator'
        ? []
        : nameOf(node.id) === ''
          ? namesIn(node.id)
          : [[nameOf(node.id), isNode(node.init) ? node.init : undefined] as const]
    return [...own, ...childrenOf(node).flatMap(declared)]
  }
  return [...nodesOf(scope.params).flatMap(namesIn), ...declared(scope)]
}

const namesIn = (pattern: unknown): readonly (readonly [string, undefined])[] =>
  !isNode(pattern)
    ? []
    : pattern.type === 'Identifier'
      ? [[nameOf(pattern), undefined]]
      : childrenOf(pattern).flatMap(namesIn)

const childrenOf = (node: SyntaxNode): readonly SyntaxNode[] =>
  Object.values(node).flatMap((value) => (Array.isArray(value) ? value.filter(isNode) : isNode(value) ? [value] : []))

/** What a function returns or yields; what functions in it do is their own. */
function returned(node: unknown): readonly unknown[] {
  if (!isNode(node)) return []
  if (node.type === 'ArrowFunctionExpression' && node.expression === true) return [node.body]
  const found: unknown[] = []
  const look = (each: SyntaxNode): void => {
    if (each.type === 'ReturnStatement' || each.type === 'YieldExpression') found.push(each.argument)
    for (const child of childrenOf(each)) if (!child.type.includes('Function')) look(child)
  }
  if (isNode(node.body)) look(node.body)
  return found
}

/** `list.push` of a call of it. */
const longNameOf = (value: unknown): string =>
  isNode(value) && value.type === 'MemberExpression' ? `${nameOf(value.object)}.${nameOf(value.property)}` : ''

/** The name of a variable, or of the property that is read of something. */
const nameOf = (value: unknown): string =>
  !isNode(value)
    ? ''
    : value.type === 'Identifier'
      ? String(value.name)
      : value.type === 'MemberExpression'
        ? nameOf(value.property)
        : ''

const isNode = (value: unknown): value is SyntaxNode =>
  typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string'

const nodesOf = (value: unknown): readonly SyntaxNode[] => (Array.isArray(value) ? value.filter(isNode) : [])

/** More ways than this to say one thing are not told apart. */
const variantsMax = 16
const depthMax = 6
const anything = '[^]*?'

/** Of several the last is the text, and those before it are where. */
function patternsOf(nodes: readonly unknown[], constants: Constants): readonly string[] {
  const isFixed = (pattern: string): boolean => pattern.split(anything).some((part) => /[a-z]{2}/i.test(part))
  // `a ?? b` for a whole text is one or the other; inside of one, `b` is what an empty value is shown as.
  const whole = (node: unknown): readonly string[] =>
    !isNode(node)
      ? [anything]
      : node.type === 'LogicalExpression' && node.operator !== '&&'
        ? [...whole(node.left), ...whole(node.right)]
        : variants(node, constants, depthMax)
  const parts = nodes.map(whole)
  const patterns = parts.reduce((before, part) =>
    before.flatMap((path) => part.map((text) => (path === '' ? text : `${path}: ${text}`))),
  )
  return [...new Set(patterns.filter(isFixed))]
}

function variants(node: SyntaxNode, constants: Constants, depth: number): readonly string[] {
  const inner = (each: unknown): readonly string[] =>
    isNode(each) && depth > 0 ? variants(each, constants, depth - 1) : [anything]
  const joined = (parts: readonly (readonly string[])[]): readonly string[] => {
    const count = parts.reduce((product, part) => product * part.length, 1)
    const told = count <= variantsMax ? parts : parts.map((part) => (part.length === 1 ? part : [anything]))
    return told.reduce<readonly string[]>(
      (before, part) => before.flatMap((text) => part.map((each) => text + each)),
      [''],
    )
  }
  switch (node.type) {
    case 'Literal':
      return typeof node.value === 'string' ? [escaped(node.value)] : [anything]
    case 'TemplateLiteral': {
      const between = nodesOf(node.expressions)
      return joined(
        nodesOf(node.quasis).flatMap((quasi, at) => {
          const text = [escaped((quasi.value as { readonly cooked?: string }).cooked ?? '')]
          const next = between[at]
          return next === undefined ? [text] : [text, inner(next)]
        }),
      )
    }
    case 'ConditionalExpression':
      return [...inner(node.consequent), ...inner(node.alternate)]
    case 'BinaryExpression':
      return node.operator === '+' ? joined([inner(node.left), inner(node.right)]) : [anything]
    case 'ParenthesizedExpression':
    case 'TSAsExpression':
    case 'TSNonNullExpression':
      return inner(node.expression)
    case 'Identifier':
      return inner(constants.get(nameOf(node)))
    case 'CallExpression': {
      // `[a, b].join(c)` is a text too; what is spread into it is computed.
      const { object } = node.callee as { readonly object?: SyntaxNode }
      if (nameOf(node.callee) !== 'join' || object?.type !== 'ArrayExpression') return [anything]
      const between = inner(nodesOf(node.arguments)[0])
      return joined(nodesOf(object.elements).flatMap((each, at) => (at === 0 ? [inner(each)] : [between, inner(each)])))
    }
    default:
      return [anything]
  }
}

/** A regular expression that finds a text as it stands. */
export const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
