import { displayNameLabel, namespaceLabel, originLabel, type Violation, zoneLabel } from '@holdfast/model'

type Labels = Readonly<Record<string, string>>

const immutable = [originLabel, zoneLabel, displayNameLabel, namespaceLabel]

/**
 * Labels that make up who a resource is: they may be added later, never changed or removed.
 * @param shown labels of the stored resource as the API shows them, its origin included
 * @param given labels of the body
 * @param computed labels that would be stored with it, its origin included
 */
export function immutableLabelProblems(shown: Labels, given: Labels, computed: Labels): readonly Violation[] {
  const next: Record<string, string | undefined> = {
    ...computed,
    // A display name that nobody set follows the name; a copy has one that its name does not give, and keeps it.
    [displayNameLabel]:
      given[displayNameLabel] ??
      (computed[displayNameLabel] === shown[displayNameLabel] ? shown[displayNameLabel] : undefined),
  }
  return immutable.flatMap((key) => {
    const was = shown[key]
    const now = next[key]
    if (was === undefined || was === now) return []
    const message =
      now === undefined
        ? `is immutable, cannot be removed (was ${JSON.stringify(was)})`
        : `is immutable, cannot be changed from ${JSON.stringify(was)} to ${JSON.stringify(now)}`
    return [{ path: `labels[${JSON.stringify(key)}]`, message }]
  })
}
