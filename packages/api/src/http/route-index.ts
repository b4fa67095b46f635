/**
 * What paths there are and which verbs each takes. The router only knows "not found"; a client deserves to hear that
 * the path is right and the verb is wrong.
 */
export class RouteIndex {
  readonly #routes = new Map<string, { readonly segments: readonly string[]; readonly methods: Set<string> }>()

  add(method: string, pattern: string): void {
    const known = this.#routes.get(pattern) ?? { segments: segmentsOf(pattern), methods: new Set<string>() }
    known.methods.add(method)
    this.#routes.set(pattern, known)
  }

  /** Verbs of the most specific path that matches, in the order in which Kuma lists them; none for an unknown path. */
  methodsOf(path: string): readonly string[] {
    const wanted = segmentsOf(path)
    const matches = [...this.#routes.values()].filter(({ segments }) => matchesSegments(segments, wanted))
    const literals = (segments: readonly string[]) => segments.filter((segment) => !segment.startsWith(':')).length
    const best = matches.sort((a, b) => literals(b.segments) - literals(a.segments))[0]
    return ['POST', 'PUT', 'DELETE', 'GET'].filter((method) => best?.methods.has(method))
  }
}

/** A slash at the end is as good as none; an empty segment anywhere else is one. */
const segmentsOf = (path: string): readonly string[] => path.replace(/^\/|\/$/g, '').split('/')

const matchesSegments = (pattern: readonly string[], path: readonly string[]): boolean =>
  pattern.length === path.length && pattern.every((segment, i) => segment.startsWith(':') || segment === path[i])
