import { type Finding, refused } from './finding.js'

/** Tags of inbounds and gateways, as Kuma has them up to 2.14. */
export const serviceTag = 'kuma.io/service'
export const protocolTag = 'kuma.io/protocol'

const nameCharacters = /^[a-zA-Z0-9.\-_/]*$/
const valueCharacters = /^[a-zA-Z0-9.\-_]*$/

export function* tagFindings(path: string, tags: Readonly<Record<string, string>>): Iterable<Finding> {
  for (const [name, value] of Object.entries(tags)) {
    const at = `${path}[${JSON.stringify(name)}]`
    if (value === '') yield refused(at, 'tag value must be non-empty')
    if (!nameCharacters.test(name))
      yield refused(at, 'tag name must consist of alphanumeric characters, dots, dashes, slashes and underscores')
    if (!valueCharacters.test(value))
      yield refused(at, 'tag value must consist of alphanumeric characters, dots, dashes and underscores')
  }
}
