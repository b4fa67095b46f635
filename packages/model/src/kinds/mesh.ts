import { type Mesh, MeshSchema } from '@holdfast/proto'
import { shownObject, shownObjects, shownText, wideColumn } from './columns.js'
import { type Finding, refused, strict } from './finding.js'
import { authorityFindings } from './mesh-authority.js'
import { protoKind } from './proto-kind.js'

export const meshKind = protoKind(MeshSchema, findings, [
  wideColumn('MTLS', (item) => {
    const { enabledBackend, backends } = shownObject(item.mtls)
    const backend = shownObjects(backends).find(({ name }) => name === enabledBackend)
    return backend === undefined ? 'off' : `${shownText(backend.type)}/${shownText(backend.name)}`
  }),
  wideColumn('SERVICES', (item) => shownText(shownObject(item.meshServices).mode) || 'Disabled'),
])

/** Undefined for bytes that are no Mesh. */
export const readMesh = (spec: Uint8Array): Mesh | undefined => meshKind.read(spec)

const backendTypes = ['builtin', 'provided', 'vault', 'acmpca', 'certmanager']

function* findings({ mtls, logging, tracing, metrics }: Mesh): Iterable<Finding> {
  if (mtls !== undefined) {
    if (mtls.backends.length > 1) yield refused('mtls.backends', 'cannot have more than 1 backends')
    yield* backendFindings('mtls', mtls.enabledBackend, 'enabledBackend', mtls.backends)
    for (const [index, backend] of mtls.backends.entries()) {
      const path = `mtls.backends[${index}]`
      // Installed plugins differ between control planes: a peer may have one that we do not know.
      if (!backendTypes.includes(backend.type))
        yield strict(`${path}.type`, 'could not find installed plugin for this type')
      yield* authorityFindings(path, backend)
    }
  }
  if (logging !== undefined)
    yield* backendFindings('logging', logging.defaultBackend, 'defaultBackend', logging.backends)
  if (tracing !== undefined)
    yield* backendFindings('tracing', tracing.defaultBackend, 'defaultBackend', tracing.backends)
  if (metrics !== undefined)
    yield* backendFindings('metrics', metrics.enabledBackend, 'enabledBackend', metrics.backends)
}

function* backendFindings(
  path: string,
  chosen: string,
  chosenField: string,
  backends: readonly { readonly name: string }[],
): Iterable<Finding> {
  const seen = new Set<string>()
  for (const [index, { name }] of backends.entries()) {
    if (seen.has(name))
      yield refused(`${path}.backends[${index}].name`, `"${name}" name is already used for another backend`)
    seen.add(name)
  }
  if (chosen !== '' && !seen.has(chosen))
    yield refused(`${path}.${chosenField}`, 'has to be set to one of the backends in the mesh')
}
