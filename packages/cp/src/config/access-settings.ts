import { type AccessRules, parseAccess } from '@holdfast/identity'
import { z } from 'zod'

/** `access` of the settings. Everything that is wrong is told at once, each with its place. */
export const accessSchema = z.unknown().transform((given, context): AccessRules => {
  const { rules, problems } = parseAccess(given)
  for (const { path, message } of problems) context.addIssue({ code: 'custom', path: [...path], message })
  return rules
})
