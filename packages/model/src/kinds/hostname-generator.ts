import { z } from 'zod'
import { compileTemplate, renderTemplate } from '../hostnames/template.js'
import { subdomainProblems } from '../name-rules.js'
import { shownObject, shownSpec, shownText, wideColumn } from './columns.js'
import { type Finding, refused, strict } from './finding.js'
import { jsonKind } from './json-kind.js'
import { matchLabels } from './schema.js'

const labelSelector = z.looseObject({ matchLabels: matchLabels.optional() })

/** Gives names to the services that it selects. */
const schema = z.looseObject({
  selector: z
    .looseObject({
      meshService: labelSelector.optional(),
      meshExternalService: labelSelector.optional(),
      meshMultiZoneService: labelSelector.optional(),
    })
    .optional(),
  template: z.string(),
  extension: z.looseObject({ type: z.string(), config: z.unknown().optional() }).optional(),
})

export type HostnameGeneratorSpec = z.infer<typeof schema>
export const hostnameGeneratorKind = jsonKind('HostnameGenerator', schema, findings, [
  wideColumn('TEMPLATE', (item) => shownText(shownSpec(item).template)),
  wideColumn('SELECTS', (item) => Object.keys(shownObject(shownSpec(item).selector)).join(', ')),
])

function* findings({ selector, template, extension }: HostnameGeneratorSpec): Iterable<Finding> {
  const selectors = [selector?.meshService, selector?.meshExternalService, selector?.meshMultiZoneService]
  if (selectors.filter((each) => each !== undefined).length !== 1)
    // Kuma's sentence, which leaves out meshMultiZoneService although that counts as well.
    yield refused('spec.selector', 'exact one selector (meshService, meshExternalService) must be defined')
  yield* templateFindings(template)
  if (extension?.type === '') yield refused('spec.extension.type', 'must not be empty')
}

const stub = { Name: 'name', DisplayName: 'displayname', Namespace: 'namespace', Mesh: 'mesh', Zone: 'zone' }

function* templateFindings(source: string): Iterable<Finding> {
  const path = 'spec.template'
  if (source === '') {
    yield refused(path, 'must not be empty')
    return
  }
  const template = compileTemplate(source)
  if (template.outcome === 'failed') {
    // What Kuma could render and Holdfast cannot must not make a received generator invalid.
    const finding = template.unsupported ? strict : refused
    yield finding(path, `couldn't parse template: ${template.reason}`)
    return
  }
  const rendered = renderTemplate(template, stub, () => 'label')
  if (rendered.outcome === 'failed')
    yield refused(path, `couldn't render template with stub values: ${rendered.reason}`)
  else
    for (const reason of subdomainProblems(rendered.text))
      yield refused(path, `template renders to "${rendered.text}" which is not a valid DNS name: ${reason}`)
}

/** Everything wrong with the spec of a HostnameGenerator that fits its schema. */
export const generatorProblems = (spec: HostnameGeneratorSpec): readonly Finding[] => [...findings(spec)]
