import { z } from 'zod'
import { type Finding, strict, warning } from './finding.js'
import { match } from './matches.js'
import {
  deprecatedTopFindings,
  type TargetRef,
  type TargetRefRules,
  targetRef,
  targetRefFindings,
} from './target-ref.js'

/**
 * The parts that targetRef policies are made of: `to` for what proxies send, `rules` and its older form `from` for what
 * they receive. All their rules are `strict`: over KDS a policy that another version takes is kept and its remarks are
 * shown, for a control plane in the middle must not decide for those at the ends.
 */
export const toOf = <T extends z.ZodType>(conf: T) => z.array(z.looseObject({ targetRef, default: conf })).optional()
export const fromOf = toOf
export const rulesOf = <T extends z.ZodType>(conf: T) => z.array(z.looseObject({ default: conf })).optional()
export const matchedRulesOf = <T extends z.ZodType>(conf: T) =>
  z.array(z.looseObject({ matches: z.array(match).optional(), default: conf })).optional()

export interface Inbound {
  readonly from?: readonly unknown[] | undefined
  readonly rules?: readonly unknown[] | undefined
}

const any = (list: readonly unknown[] | undefined): boolean => list !== undefined && list.length > 0

/** It acts on inbounds, so that its targetRef may name one of them. */
export const affectsInbounds = ({ from, rules }: Inbound): boolean => any(from) || any(rules)

interface Directions extends Inbound {
  readonly to?: readonly unknown[] | undefined
}

/** `rules` replace `from` and stand alone; `required`: one of them must be there. */
export function* directionFindings({ to, from, rules }: Directions, required: boolean): Iterable<Finding> {
  if (any(rules) && (any(to) || any(from)))
    yield strict('spec', "fields 'to' and 'from' must be empty when 'rules' is defined")
  if (required && !any(rules) && !any(to) && !any(from))
    yield strict('spec', "at least one of 'from', 'to' or 'rules' has to be defined")
}

export function* topFindings(ref: TargetRef | undefined, rules: TargetRefRules): Iterable<Finding> {
  yield* targetRefFindings('spec.targetRef', ref, rules)
  yield* deprecatedTopFindings(ref)
}

export const fromDeprecated = warning('', "'from' field is deprecated, use 'rules' instead")

export function* deprecatedFromFindings({ from }: Inbound): Iterable<Finding> {
  if (any(from)) yield fromDeprecated
}

interface Item<Conf> {
  readonly targetRef: TargetRef
  readonly default: Conf
}

/** Each item of `to` or `from`: what it is about, and what it says. */
export function* itemFindings<Conf>(
  path: string,
  items: readonly Item<Conf>[] = [],
  rules: TargetRefRules,
  confFindings: (path: string, conf: Conf, item: Item<Conf>) => Iterable<Finding>,
): Iterable<Finding> {
  for (const [index, item] of items.entries()) {
    yield* targetRefFindings(`${path}[${index}].targetRef`, item.targetRef, rules)
    yield* confFindings(`${path}[${index}].default`, item.default, item)
  }
}
