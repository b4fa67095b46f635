import { type ExportedResource, receiptProblems, receiptWarnings, violationText } from '@holdfast/model'

/**
 * What is wrong with a received spec: `problems` refuse it, as a Kuma would; `warnings` are what our own API would not
 * take, shown and kept.
 */
export const specProblems = (
  resource: ExportedResource,
): { readonly problems: readonly string[]; readonly warnings: readonly string[] } => ({
  problems: receiptProblems(resource).map(violationText),
  warnings: receiptWarnings(resource).map(violationText),
})
