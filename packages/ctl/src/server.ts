/** What a server says of itself under `/`. */
export interface ServerSaid {
  readonly product: string
  readonly version: string
  /** Holdfast's version, where it is Holdfast. */
  readonly holdfast: string | undefined
  /** All of it, as it was said. */
  readonly index: Readonly<Record<string, unknown>>
  /** What to tell somebody who has asked it for what it does not have. */
  readonly lacks: (url: string, ours: string) => string
}

const holdfastVersion = /holdfast-(\d[\w.]*)/

/** Reads the answer of `GET /`: of Holdfast, of Kuma, or of something else altogether. */
export function whoIsThere(status: number, body: Readonly<Record<string, unknown>> | undefined): ServerSaid {
  const product = typeof body?.product === 'string' ? body.product : ''
  const version = typeof body?.version === 'string' ? body.version : ''
  const holdfast = holdfastVersion.exec(version)?.[1]
  return {
    product,
    version,
    holdfast,
    index: body ?? {},
    lacks: (url, ours) => lacking(url, ours, { product, version, holdfast, status }),
  }
}

interface Said {
  readonly product: string
  readonly version: string
  readonly holdfast: string | undefined
  readonly status: number
}

function lacking(url: string, ours: string, { product, version, holdfast, status }: Said): string {
  if (product === '')
    return `${url} is no control plane: its / answers ${status}, and not with a product and a version; say another place with --url or HOLDFAST_URL`
  if (holdfast === undefined)
    return `${url} is ${product} ${version}; this needs a control plane of Holdfast. Say another place with --url or HOLDFAST_URL`
  const order = compareVersions(holdfast, ours)
  if (order === 0) return `${url} is Holdfast ${holdfast} as this holdfastctl is; is the path of the URL right?`
  return order < 0
    ? `${url} is Holdfast ${holdfast}, which does not have this yet; holdfastctl is ${ours}: upgrade the control plane, or use holdfastctl ${holdfast}`
    : `${url} is Holdfast ${holdfast}, which does not have this any more; holdfastctl is ${ours}: use holdfastctl ${holdfast}`
}

/** Of `1.10.2` and `1.9`: by number, part by part; negative if the first is older. */
export function compareVersions(a: string, b: string): number {
  const parts = (text: string) => text.split(/[.-]/).map((part) => Number.parseInt(part, 10) || 0)
  const [one, other] = [parts(a), parts(b)]
  for (let at = 0; at < Math.max(one.length, other.length); at++) {
    const difference = (one[at] ?? 0) - (other[at] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
