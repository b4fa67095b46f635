import { isShownObject, type KindColumn, type Shown, shownObject, shownSpec, shownText, wideColumn } from './columns.js'

/** Of every targetRef policy: whom it is about, and in which parts it says something. */
export const policyColumns: readonly KindColumn[] = [
  wideColumn('TARGET', (item) => targetText(shownObject(shownSpec(item).targetRef))),
  wideColumn('SAYS', (item) =>
    ['to', 'from', 'rules', 'default']
      .flatMap((part) => {
        const value = shownSpec(item)[part]
        return Array.isArray(value) ? [`${value.length} ${part}`] : isShownObject(value) ? [part] : []
      })
      .join(', '),
  ),
]

function targetText({ kind, name, labels, tags, sectionName }: Shown): string {
  const wanted = Object.entries({ ...shownObject(labels), ...shownObject(tags) }).map(([k, v]) => `${k}=${String(v)}`)
  const which = [shownText(name), wanted.join(',')].filter((part) => part !== '').join(' ')
  const section = shownText(sectionName)
  return `${shownText(kind) || 'Mesh'}${which === '' ? '' : ` ${which}`}${section === '' ? '' : ` :${section}`}`
}
