import type { JsonObject } from '@holdfast/model'
import { authoredOf, type HookHealth, type Row, versionOf } from '@holdfast/store'

const time = (ms: number): string => new Date(ms).toISOString()

/**
 * How what zones see of a resource differs from what is shown: undefined where it does not. `servedVersion` and
 * `wantedVersion` are content hashes; null: nobody sees anything of it.
 */
export function publicationJson(row: Row, health: readonly HookHealth[] = []): JsonObject | undefined {
  const { form } = row
  if (form === undefined) return undefined
  return {
    state: form.state,
    reason: reasonOf(row, health),
    since: time(form.sinceMs),
    hook: form.hook ?? null,
    servedVersion: form.published ? versionOf(row) : null,
    wantedVersion: versionOf(authoredOf(row)),
    nextTry: form.nextTryMs === undefined ? null : time(form.nextTryMs),
    tries: form.tries,
  }
}

/** Why it is as it is, and what zones see meanwhile, in one sentence. */
function reasonOf({ form }: Row, health: readonly HookHealth[]): string {
  if (form === undefined) return ''
  const away = health.find((one) => one.hook === form.hook && !one.answers)
  const said = `hook "${form.hook ?? ''}": ${form.reason ?? away?.reason ?? 'has not answered yet'}`
  const seen = form.published ? 'zones keep its last good version' : 'no zone has seen it yet'
  switch (form.state) {
    case 'waiting':
    case 'refused':
      return `${said}; ${seen}`
    case 'bypassed':
      return `${said}; published without it until it answers`
    case 'changed':
      return 'published as the policy hooks have changed it'
  }
}
