import pg from 'pg'

/** One statement as it was sent. */
export interface Sent {
  readonly text: string
  readonly values: readonly unknown[]
}

/** All that is sent to any database while `work` runs, each text once, with the values that it had first. */
export async function statementsOf(work: () => Promise<unknown>): Promise<readonly Sent[]> {
  const sent = new Map<string, Sent>()
  const { query } = pg.Client.prototype
  const noting = function (this: pg.Client, ...given: readonly unknown[]): unknown {
    const [config] = given
    if (typeof config === 'object' && config !== null && 'text' in config) {
      const { text, values } = config as { readonly text: string; readonly values?: readonly unknown[] }
      if (/^\s*(select|with|insert|update|delete|\()/.test(text) && !sent.has(text))
        sent.set(text, { text, values: values ?? [] })
    }
    return Reflect.apply(query, this, given)
  }
  pg.Client.prototype.query = noting as typeof query
  try {
    await work()
  } finally {
    pg.Client.prototype.query = query
  }
  return [...sent.values()]
}

interface PlanNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly 'Index Cond'?: string
  readonly 'Total Cost': number
  readonly Plans?: readonly PlanNode[]
}

/**
 * The planner believes, until the transaction ends, that tables of a few hundred rows have `pretendedRows`, distributed as
 * these few are: its choice is then the one of a large installation, and not that of a table of one page. Analyze them first.
 */
export async function pretendMany(client: pg.Client, tables: ReadonlySet<string>): Promise<void> {
  // Rows to a page are what it multiplies with the pages that are there; a partial index has its share of the rows.
  await client.query(
    `update pg_class c set reltuples = c.reltuples * $2::real / greatest(t.reltuples, 1)
     from pg_class t left join pg_index i on i.indrelid = t.oid
     where t.relname = any($1::text[]) and t.relkind = 'r' and c.oid in (t.oid, i.indexrelid) and c.reltuples > 0`,
    [[...tables], pretendedRows],
  )
}

const pretendedRows = 100_000
/** What the planner asks at most for one look at such a table, whatever it finds there; all of it costs more. */
const lookCostMax = 1_000

/** Many rows are its business: a page of the log, a part of the buckets. */
const isOfMany = (text: string): boolean => text.includes('through_size') || text.includes('(low, high)')

export interface Look {
  readonly sent: Sent
  readonly node: string
  readonly table: string
  readonly index: string
  /** It goes through a large part of the table, or through an index from end to end. */
  readonly isScan: boolean
  readonly cost: number
}

/** What the server counts for planning once more, in its own units: a few tables at 2.5 each. */
const planningCost = 25

type Explained = readonly { readonly Plan: PlanNode }[]

async function explained(client: pg.Client, { text, values }: Sent): Promise<Explained> {
  const { rows } = await client.query<{ 'QUERY PLAN': Explained }>(`explain (format json) ${text}`, [...values])
  return rows[0]?.['QUERY PLAN'] ?? []
}

/** The plan for whatever values come. Prepared and not by an option of explain, which servers before 16 do not have. */
async function explainedForAny(client: pg.Client, { text }: Sent): Promise<Explained> {
  const parameters = new Set([...text.matchAll(/\$(\d+)/g)].map(([, number]) => number))
  const nothing = parameters.size === 0 ? '' : `(${[...parameters].map(() => 'null').join(', ')})`
  await client.query(`prepare for_any as ${text}`)
  await client.query('set plan_cache_mode = force_generic_plan')
  const plans = await explained(client, { text: `execute for_any${nothing}`, values: [] })
  await client.query('reset plan_cache_mode')
  await client.query('deallocate for_any')
  return plans
}

const costOf = (plans: Explained): number => plans.reduce((sum, { Plan }) => sum + Plan['Total Cost'], 0)

/**
 * Each place of the plans that looks at one of `tables`.
 * @param kept as the server runs a statement that was prepared: by the one plan that it has made for whatever comes, where
 *   that does not seem dearer than one for the values
 */
export async function looksOf(
  client: pg.Client,
  statements: readonly Sent[],
  tables: ReadonlySet<string>,
  { kept }: { readonly kept: boolean } = { kept: false },
): Promise<readonly Look[]> {
  const looks: Look[] = []
  for (const sent of statements) {
    const ofValues = await explained(client, sent)
    const ofAny = kept ? await explainedForAny(client, sent) : undefined
    const isKept = ofAny !== undefined && costOf(ofAny) <= costOf(ofValues) + planningCost
    // A limit ends what is below it early, so what is paid is what it costs. The look at an index is below the one at the table.
    const visit = (node: PlanNode, table: string, paidMax: number): void => {
      const { 'Node Type': type, 'Relation Name': name = table, 'Index Name': index = '' } = node
      const cost = Math.min(node['Total Cost'], paidMax)
      if (type.includes('Scan') && tables.has(name)) {
        const isBounded = type !== 'Seq Scan' && (node['Index Cond'] !== undefined || type === 'Bitmap Heap Scan')
        looks.push({
          sent,
          node: type,
          table: name,
          index,
          cost,
          isScan: cost > lookCostMax && !(isBounded && isOfMany(sent.text)),
        })
      }
      const below = type === 'Bitmap Heap Scan' || type.startsWith('Bitmap') ? name : ''
      for (const child of node.Plans ?? []) visit(child, below, type === 'Limit' ? cost : paidMax)
    }
    for (const { Plan } of isKept ? ofAny : ofValues) visit(Plan, '', Number.POSITIVE_INFINITY)
  }
  return looks
}

/** What would go through a large part of one of `tables`, one line for each such place of a plan. */
export const scansIn = (looks: readonly Look[]): readonly string[] =>
  looks
    .filter(({ isScan }) => isScan)
    .map(
      ({ sent, node, table, index, cost }) =>
        `${node} on ${table} ${index} (cost ${Math.round(cost)}): ${sent.text.replace(/\s+/g, ' ').slice(0, 160)}`,
    )

/** Of the indexes that plans use: those without which another plan would scan. */
export async function neededIndexes(
  client: pg.Client,
  looks: readonly Look[],
  tables: ReadonlySet<string>,
): Promise<readonly string[]> {
  const users = new Map<string, { readonly table: string; readonly statements: Set<Sent> }>()
  for (const { index, table, sent } of looks) {
    const user = users.get(index) ?? { table, statements: new Set<Sent>() }
    user.statements.add(sent)
    if (index !== '') users.set(index, user)
  }
  const needed: string[] = []
  for (const [index, { table, statements }] of users) {
    await client.query('savepoint without')
    await client.query(
      `do $$ begin execute coalesce(
         (select 'alter table ${table} drop constraint ' || conname || ' cascade' from pg_constraint
          where conindid = '${index}'::regclass and contype in ('p', 'u')),
         'drop index ${index}'); end $$`,
    )
    if (scansIn(await looksOf(client, [...statements], tables)).length > 0) needed.push(index)
    await client.query('rollback to savepoint without')
  }
  return needed.sort()
}
