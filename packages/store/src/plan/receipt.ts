import { type ExportedResource, receiptFindings, violationText } from '@holdfast/model'

/**
 * What is wrong with a received spec: `problems` refuse it, as a Kuma would; `warnings` are what our own API would not
 * take, shown and kept.
 */
export function specProblems(resource: ExportedResource): SpecProblems {
  const known = checked.get(resource)
  if (known !== undefined) return known
  const { problems, warnings } = receiptFindings(resource)
  const found = { problems: problems.map(violationText), warnings: warnings.map(violationText) }
  checked.set(resource, found)
  return found
}

interface SpecProblems {
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
}

/** By what was received: a plan that was made on what has changed meanwhile is made again, and checks nothing twice. */
const checked = new WeakMap<ExportedResource, SpecProblems>()
