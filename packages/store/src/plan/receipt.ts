import { type ExportedResource, receiptFindings, violationText } from '@holdfast/model'

/**
 * What is wrong with a received spec: `problems` refuse it, as a Kuma would; `warnings` are what our own API would not
 * take, shown and kept.
 */
export function specProblems(resource: ExportedResource): {
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
} {
  const { problems, warnings } = receiptFindings(resource)
  return { problems: problems.map(violationText), warnings: warnings.map(violationText) }
}
