import { readFileSync } from 'node:fs'
import type { PolicyHook } from '@holdfast/global'
import { hookableTypes, Problem } from '@holdfast/model'
import { z } from 'zod'

const label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/
const grpcUrl = /^grpcs?:\/\/([^/\s:@]+|\[[0-9a-fA-F:]+\]):\d{1,5}$/

const url = z.string().refine((text) => {
  if (grpcUrl.test(text)) return true
  return /^https?:\/\/[^\s]+$/.test(text) && URL.canParse(text)
}, 'must be http://HOST/PATH, https://HOST/PATH, grpc://HOST:PORT or grpcs://HOST:PORT')

const type = z.string().refine((name) => hookableTypes.includes(name), {
  error: ({ input }) =>
    `${JSON.stringify(input)} is no type that a hook may be asked about; there are ${hookableTypes.join(', ')}`,
})

const whole = (least: number, most: number) =>
  z
    .number(`must be a whole number from ${least} to ${most}`)
    .int()
    .min(least, `must be at least ${least}`)
    .max(most, `must be at most ${most}`)

const hook = z
  .strictObject({
    name: z
      .string('must be given')
      .regex(label, 'must be a DNS label: lower case letters, digits and "-", at most 63 characters'),
    url,
    types: z.array(type).min(1, 'must name a type; leave it out for all').optional(),
    meshes: z.array(z.string().min(1, 'must not be empty')).min(1, 'must name a mesh; leave it out for all').optional(),
    timeoutMs: whole(50, 60_000).default(5_000),
    failurePolicy: z.enum(['hold', 'ignore'], 'must be hold or ignore').default('hold'),
    maxBodyBytes: whole(1_024, 64 << 20).default(4 << 20),
    caFile: z.string().min(1, 'must not be empty').optional(),
    serverName: z.string().min(1, 'must not be empty').optional(),
  })
  .superRefine(({ url: given, caFile, serverName }, context) => {
    if (/^(https|grpcs):/.test(given)) return
    for (const [path, value] of Object.entries({ caFile, serverName }))
      if (value !== undefined)
        context.addIssue({ code: 'custom', path: [path], message: 'means something with https:// and grpcs:// only' })
  })

const hooksMax = 16

/** `policyHooks` of the settings: the hooks in the order in which they are asked. */
export const policyHooksSchema = z
  .array(hook, 'must be a list of hooks, each with name and url')
  .max(hooksMax, `must be at most ${hooksMax}`)
  .superRefine((hooks, context) => {
    for (const [index, { name }] of hooks.entries())
      if (hooks.findIndex((other) => other.name === name) !== index)
        context.addIssue({
          code: 'custom',
          path: [index, 'name'],
          message: `"${name}" is the name of another hook already`,
        })
  })

export type PolicyHookSettings = z.infer<typeof policyHooksSchema>[number]

/** The hooks with what their files hold. Throws one Problem for all files that cannot be read. */
export function loadPolicyHooks(settings: readonly PolicyHookSettings[]): readonly PolicyHook[] {
  const problems: string[] = []
  const hooks = settings.map(({ caFile, ...hook }): PolicyHook => {
    if (caFile === undefined) return hook
    try {
      const rootCa = readFileSync(caFile)
      if (!rootCa.includes('-----BEGIN CERTIFICATE-----'))
        problems.push(`policyHooks: ${hook.name}: caFile ${caFile} holds no certificate (PEM)`)
      return { ...hook, rootCa }
    } catch (error) {
      problems.push(`policyHooks: ${hook.name}: caFile cannot be read: ${(error as Error).message}`)
      return hook
    }
  })
  if (problems.length > 0) throw new Problem('invalid', problems.join('; '))
  return hooks
}
