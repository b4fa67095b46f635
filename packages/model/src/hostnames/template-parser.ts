import { isFunction, isGoFunction } from './template-functions.js'

/** A value of a template; text that comes out of a pipeline is printed as Go prints it. */
export type Value = string | number | boolean

/** `offset` counts from the start of the line, from 0, as Go's messages do. */
interface Place {
  readonly line: number
  readonly offset: number
  /** Source text, for messages. */
  readonly source: string
}

export interface Call extends Place {
  readonly is: 'call'
  readonly name: string
  readonly args: readonly Operand[]
}

export type Operand =
  | Call
  | (Place & { readonly is: 'field'; readonly name: string })
  | (Place & { readonly is: 'literal'; readonly value: Value })
  | (Place & { readonly is: 'pipe'; readonly from: Operand; readonly into: Call })

export type Node =
  | { readonly is: 'text'; readonly text: string }
  | { readonly is: 'print'; readonly value: Operand }
  | { readonly is: 'if'; readonly when: Operand; readonly then: readonly Node[]; readonly otherwise: readonly Node[] }

/** A mistake in a template, worded as Go's `text/template` does. */
export class TemplateError extends Error {
  /** Go could, this cannot: no mistake in a template that a Kuma has taken. */
  readonly unsupported: boolean

  constructor(message: string, options: { readonly unsupported: boolean } = { unsupported: false }) {
    super(message)
    this.unsupported = options.unsupported
  }
}

const parseError = (line: number, reason: string): TemplateError => new TemplateError(`template: :${line}: ${reason}`)

const unsupportedError = (line: number, what: string): TemplateError =>
  new TemplateError(`template: :${line}: ${what} is not supported by Holdfast`, { unsupported: true })

/**
 * Parses the part of Go's template language that host names use: fields, literals, calls, pipelines, parentheses,
 * `if`/`else if`/`else`, comments and trim markers. Throws a TemplateError that names the line and the reason.
 */
export function parseTemplate(source: string): readonly Node[] {
  const parser = new BlockParser(pieces(source))
  return parser.whole()
}

type Piece =
  | { readonly is: 'text'; readonly text: string }
  | { readonly is: 'action'; readonly tokens: readonly Token[]; readonly line: number }

function pieces(source: string): readonly Piece[] {
  const found: Piece[] = []
  let at = 0
  let trimNext = false
  for (;;) {
    const open = source.indexOf('{{', at)
    let text = source.slice(at, open < 0 ? source.length : open)
    if (trimNext) text = text.trimStart()
    if (open >= 0 && /^\{\{-[ \t\r\n]/.test(source.slice(open, open + 4))) text = text.trimEnd()
    if (text !== '') found.push({ is: 'text', text })
    if (open < 0) return found
    const line = source.slice(0, open).split('\n').length
    const comment = /^\{\{(-[ \t\r\n]+)?\/\*[\s\S]*?\*\/([ \t\r\n]+-)?\}\}/.exec(source.slice(open))
    const lexer = comment === null ? new Lexer(source, open) : undefined
    if (lexer !== undefined) found.push({ is: 'action', tokens: lexer.tokens, line })
    at = lexer?.end ?? open + (comment?.[0].length ?? 0)
    trimNext = /[ \t\r\n]-\}\}$/.test(source.slice(open, at))
  }
}

interface Token extends Place {
  readonly is: 'field' | 'word' | 'literal' | 'pipe' | 'open' | 'close'
  readonly value: Value
}

const tokenPatterns: readonly (readonly [Token['is'], RegExp])[] = [
  ['field', /^\.[\p{L}_][\p{L}\p{N}_]*/u],
  ['literal', /^"(?:[^"\\\n]|\\.)*"/],
  ['literal', /^`[^`]*`/],
  ['literal', /^[+-]?\d+(?![\w.])/],
  ['word', /^[\p{L}_][\p{L}\p{N}_]*/u],
  ['pipe', /^\|/],
  ['open', /^\(/],
  ['close', /^\)/],
]

class Lexer {
  readonly tokens: Token[] = []
  /** Where the action ends, behind its braces. */
  readonly end: number

  constructor(source: string, open: number) {
    let at = open + (/^\{\{-[ \t\r\n]/.test(source.slice(open, open + 4)) ? 3 : 2)
    for (;;) {
      at += /^[ \t\r\n]*/.exec(source.slice(at))?.[0].length ?? 0
      const rest = source.slice(at)
      const close = /^(?:-)?\}\}/.exec(rest)
      if (close !== null) {
        this.end = at + close[0].length
        return
      }
      this.tokens.push(this.#token(source, at, rest))
      at += this.tokens.at(-1)?.source.length ?? 0
    }
  }

  #token(source: string, at: number, rest: string): Token {
    const before = source.slice(0, at)
    const line = before.split('\n').length
    if (rest === '') throw parseError(line, 'unclosed action')
    for (const [is, pattern] of tokenPatterns) {
      const text = pattern.exec(rest)?.[0]
      if (text === undefined) continue
      return { is, source: text, value: tokenValue(is, text, line), line, offset: at - before.lastIndexOf('\n') - 1 }
    }
    if (rest.startsWith('"')) throw parseError(line, 'unterminated quoted string')
    if (rest.startsWith('$')) throw unsupportedError(line, 'a variable')
    throw unsupportedError(line, JSON.stringify(rest.slice(0, 1)))
  }
}

function tokenValue(is: Token['is'], text: string, line: number): Value {
  if (is === 'field') return text.slice(1)
  if (is !== 'literal') return text
  if (text.startsWith('`')) return text.slice(1, -1)
  if (!text.startsWith('"')) return Number(text)
  try {
    return String(JSON.parse(text))
  } catch {
    throw unsupportedError(line, `the escape in ${text}`)
  }
}

const keywordsUnsupported = new Set(['range', 'with', 'define', 'template', 'block', 'break', 'continue'])

class BlockParser {
  readonly #pieces: readonly Piece[]
  #at = 0

  constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces
  }

  whole(): readonly Node[] {
    const { nodes, ended } = this.#block()
    if (ended !== undefined) throw parseError(ended.line, `unexpected {{${ended.word}}}`)
    return nodes
  }

  #block(): { readonly nodes: readonly Node[]; readonly ended: Ended | undefined } {
    const nodes: Node[] = []
    for (;;) {
      const piece = this.#pieces[this.#at++]
      if (piece === undefined) return { nodes, ended: undefined }
      if (piece.is === 'text') {
        nodes.push(piece)
        continue
      }
      const [first, ...rest] = piece.tokens
      const word = first?.is === 'word' ? first.source : ''
      if (keywordsUnsupported.has(word)) throw unsupportedError(piece.line, `{{${word}}}`)
      if (word === 'end' || word === 'else') return { nodes, ended: { word, rest, line: piece.line } }
      nodes.push(
        word === 'if' ? this.#if(rest, piece.line) : { is: 'print', value: expression(piece.tokens, piece.line) },
      )
    }
  }

  #if(condition: readonly Token[], line: number): Node {
    const when = expression(condition, line)
    const { nodes: then, ended } = this.#block()
    if (ended === undefined) throw parseError(line, 'unexpected EOF: {{if}} without {{end}}')
    return { is: 'if', when, then, otherwise: this.#otherwise(ended) }
  }

  #otherwise({ word, rest, line }: Ended): readonly Node[] {
    if (word === 'end') return []
    const [next, ...condition] = rest
    if (next?.source === 'if') return [this.#if(condition, line)]
    if (next !== undefined) throw parseError(line, `unexpected ${JSON.stringify(next.source)} in {{else}}`)
    const { nodes, ended } = this.#block()
    if (ended?.word !== 'end') throw parseError(line, 'expected {{end}} after {{else}}')
    return nodes
  }
}

interface Ended {
  readonly word: string
  readonly rest: readonly Token[]
  readonly line: number
}

function expression(tokens: readonly Token[], line: number): Operand {
  const reader = { tokens, at: 0 }
  const value = pipeline(reader, line)
  const left = tokens[reader.at]
  if (left !== undefined) throw parseError(left.line, `unexpected ${JSON.stringify(left.source)} in command`)
  return value
}

interface Reader {
  readonly tokens: readonly Token[]
  at: number
}

function pipeline(reader: Reader, line: number): Operand {
  let value = command(reader, line)
  while (reader.tokens[reader.at]?.is === 'pipe') {
    reader.at++
    const into = command(reader, line)
    if (into.is !== 'call') throw parseError(into.line, `non executable command in pipeline: ${into.source}`)
    const { line: at, offset, source } = into
    value = { is: 'pipe', from: value, into, line: at, offset, source }
  }
  return value
}

function command(reader: Reader, line: number): Operand {
  const first = reader.tokens[reader.at]
  if (first === undefined) throw parseError(line, 'missing value for command')
  if (first.is !== 'word' || first.source === 'true' || first.source === 'false') {
    const value = operand(reader, line)
    const next = reader.tokens[reader.at]
    if (next !== undefined && next.is !== 'pipe' && next.is !== 'close')
      throw parseError(next.line, `can't give argument to non-function ${first.source}`)
    return value
  }
  reader.at++
  const args: Operand[] = []
  for (;;) {
    const next = reader.tokens[reader.at]
    if (next === undefined || next.is === 'pipe' || next.is === 'close') return call(first, args)
    args.push(operand(reader, line))
  }
}

function operand(reader: Reader, line: number): Operand {
  const token = reader.tokens[reader.at++]
  if (token === undefined) throw parseError(line, 'missing operand')
  const { line: tokenLine, offset, source, value } = token
  const place = { line: tokenLine, offset, source }
  switch (token.is) {
    case 'field':
      return { ...place, is: 'field', name: String(value) }
    case 'literal':
      return { ...place, is: 'literal', value }
    case 'word':
      return source === 'true' || source === 'false'
        ? { ...place, is: 'literal', value: source === 'true' }
        : call(token, [])
    case 'open': {
      const inner = pipeline(reader, line)
      if (reader.tokens[reader.at++]?.is !== 'close') throw parseError(tokenLine, 'unclosed left paren')
      return inner
    }
    case 'pipe':
    case 'close':
      throw parseError(tokenLine, `unexpected ${JSON.stringify(source)} in operand`)
  }
}

function call(token: Token, args: readonly Operand[]): Call {
  const { line, offset, source } = token
  if (isGoFunction(source)) throw unsupportedError(line, `function "${source}"`)
  if (!isFunction(source)) throw parseError(line, `function "${source}" not defined`)
  return { is: 'call', name: source, args, line, offset, source: [source, ...args.map((arg) => arg.source)].join(' ') }
}
