import { allTypes } from '@holdfast/model'
import type { Command, Option } from 'commander'
import { type Api, textOf } from '../api.js'
import { listPath, typeOfArgument } from '../commands/types.js'
import { displayNameOf } from '../output/services.js'
import type { Completable } from './command.js'

/** One way to go on, and what it is. */
export interface Candidate {
  readonly value: string
  readonly what: string
}

/** What the word that is being typed may become. */
export type Wanted =
  | { readonly kind: 'words'; readonly candidates: readonly Candidate[] }
  | { readonly kind: Completable | 'mesh' | 'context' | 'file'; readonly args: readonly string[] }

/** What an option's value is, by its name. */
const optionKinds: Readonly<Record<string, Completable | 'mesh' | 'context' | 'file'>> = {
  mesh: 'mesh',
  zone: 'zone',
  context: 'context',
  file: 'file',
  configFile: 'file',
  kind: 'kind',
  pruneType: 'type',
}

/**
 * What may stand where the last of the words is being typed.
 * @param command where the words before it lead, everything of it known
 * @param rest words after the command's own, the one that is typed included
 */
export function wantedAt(
  command: Command,
  program: Command,
  rest: readonly string[],
  completes: readonly Completable[],
): Wanted {
  const current = rest.at(-1) ?? ''
  const options = [...command.options, ...program.options].filter(({ hidden }) => !hidden)
  const before = rest.at(-2) ?? ''
  const open = options.find((option) => isCalled(option, before) && takesValue(option))
  if (open !== undefined) return valueAfter(open, rest)
  if (current.startsWith('-'))
    return {
      kind: 'words',
      candidates: options.map((option) => ({ value: option.long ?? option.short ?? '', what: option.description })),
    }
  const subcommands = command.commands.filter((each) => each.name() !== 'help' && !isHidden(each))
  const args = positionalsOf(rest.slice(0, -1), options)
  if (subcommands.length > 0 && args.length === 0)
    return { kind: 'words', candidates: subcommands.map((each) => ({ value: each.name(), what: each.description() })) }
  const kind = completes[Math.min(args.length, completes.length - 1)] ?? 'none'
  return { kind, args }
}

const isHidden = (command: Command): boolean => (command as unknown as { _hidden?: boolean })._hidden === true
const isCalled = (option: Option, word: string): boolean => option.short === word || option.long === word
const takesValue = (option: Option): boolean => option.required || option.optional

function valueAfter(option: Option, args: readonly string[]): Wanted {
  if (option.argChoices !== undefined)
    return { kind: 'words', candidates: option.argChoices.map((value) => ({ value, what: '' })) }
  return { kind: optionKinds[option.attributeName()] ?? 'none', args }
}

function positionalsOf(words: readonly string[], options: readonly Option[]): readonly string[] {
  const found: string[] = []
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ''
    const option = options.find((each) => isCalled(each, word))
    if (option !== undefined) at += option.required ? 1 : 0
    else if (!word.startsWith('-')) found.push(word)
  }
  return found
}

const typeWords = (): readonly Candidate[] =>
  allTypes.flatMap((type) => (type.path === undefined ? [] : [{ value: type.path, what: type.displayNamePlural }]))

/** Names that a control plane has to offer. Rejects where it cannot be asked; completion then offers nothing. */
export async function namesOf(
  kind: Completable | 'mesh',
  { api, mesh, args }: { readonly api: () => Promise<Api>; readonly mesh: string; readonly args: readonly string[] },
): Promise<readonly Candidate[]> {
  const items = async (path: string, what: (item: Readonly<Record<string, unknown>>) => string) =>
    (await (await api()).list(path)).items.map((item) => ({ value: displayNameOf(item), what: what(item) }))
  switch (kind) {
    case 'type':
      return typeWords()
    case 'kind':
      return allTypes
        .filter(({ vipKind }) => vipKind)
        .map(({ name, displayName }) => ({ value: name, what: displayName }))
    case 'shell':
      return ['bash', 'zsh', 'fish'].map((value) => ({ value, what: '' }))
    case 'mesh':
      return items('/meshes', () => '')
    case 'zone':
      return items('/zones', () => '')
    case 'hold': {
      const { items: holds } = await (await api()).list('/_holdfast/holds')
      return holds.map((hold) => ({
        value: textOf(hold.id),
        what: `${textOf(hold.type)} of ${textOf(hold.zone) || 'global'}`,
      }))
    }
    case 'service':
      return items(`/meshes/${encodeURIComponent(mesh)}/meshservices`, (item) => textOf(item.type))
    case 'name': {
      const type = typeOfArgument(args[0] ?? '')
      return items(listPath(type, mesh), () => type.displayName)
    }
    case 'none':
      return []
  }
}
