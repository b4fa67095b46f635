import { Agent, request } from 'node:http'
import Fastify from 'fastify'
import pg from 'pg'

export interface HttpFigures {
  /** A page of 1,000 services, the median of several. */
  readonly pageMs: number
  /** The rows of such a page by one query on a connection of its own, and as JSON. */
  readonly barePageMs: number
  /** One service after the other on as many connections as the bare route has. */
  readonly getsPerSecond: number
  readonly bareGetsPerSecond: number
  /** One service, right after another one was changed: the median and the longest of several. */
  readonly getAfterChangeMs: { readonly median: number; readonly most: number }
}

const pages = 9
const pageSize = 1_000
const connections = 16
const gets = 4_000

/** @param options.base of the API; @param options.url of its database; @param options.change changes a service here */
export async function httpFigures({
  base,
  url,
  change,
}: {
  readonly base: string
  readonly url: string
  readonly change: (i: number) => Promise<void>
}): Promise<HttpFigures> {
  const names = (JSON.parse(await get(`${base}/meshes/default/meshservices?size=${pageSize}`)) as Page).items.map(
    ({ name }) => name,
  )
  const pool = new pg.Pool({ connectionString: url, max: 10 })
  const bare = Fastify()
  // What a single route needs that looks a row up by its key, and shows it.
  bare.get<{ Params: { name: string } }>('/:name', async ({ params }) => {
    const { rows } = await pool.query(
      `select * from resources where type = 'MeshService' and mesh = 'default' and export_name = $1 and not deleted`,
      [params.name],
    )
    return rows[0]
  })
  const one = `${base}/meshes/default/meshservices/${names[0]}`
  const afterChangeMs: number[] = []
  for (let i = 0; i < pages; i++) {
    await change(i)
    const startedMs = performance.now()
    await get(one)
    afterChangeMs.push(performance.now() - startedMs)
  }
  afterChangeMs.sort((a, b) => a - b)
  try {
    const bareBase = await bare.listen({ host: '127.0.0.1', port: 0 })
    return {
      pageMs: await medianMs(() => get(`${base}/meshes/default/meshservices?size=${pageSize}`)),
      barePageMs: await medianMs(async () => {
        const { rows } = await pool.query(
          `select * from resources where type = 'MeshService' and mesh = 'default' and not deleted
           order by export_name limit ${pageSize}`,
        )
        return JSON.stringify(rows)
      }),
      getsPerSecond: await perSecond((i) => `${base}/meshes/default/meshservices/${names[i % names.length]}`),
      bareGetsPerSecond: await perSecond((i) => `${bareBase}/${names[i % names.length]}`),
      getAfterChangeMs: {
        median: afterChangeMs[Math.floor(pages / 2)] ?? 0,
        most: afterChangeMs.at(-1) ?? 0,
      },
    }
  } finally {
    await bare.close()
    await pool.end()
  }
}

interface Page {
  readonly items: readonly { readonly name: string }[]
}

async function medianMs(work: () => Promise<unknown>): Promise<number> {
  const tookMs: number[] = []
  for (let i = 0; i < pages; i++) {
    const startedMs = performance.now()
    await work()
    tookMs.push(performance.now() - startedMs)
  }
  return tookMs.sort((a, b) => a - b)[Math.floor(pages / 2)] ?? 0
}

async function perSecond(url: (i: number) => string): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const run = async (count: number): Promise<void> => {
    let begun = 0
    const work = async (): Promise<void> => {
      while (begun < count) await get(url(begun++), agent)
    }
    await Promise.all(Array.from({ length: connections }, work))
  }
  try {
    await run(gets / 4)
    const startedMs = performance.now()
    await run(gets)
    return gets / ((performance.now() - startedMs) / 1_000)
  } finally {
    agent.destroy()
  }
}

/** @throws Error for any status but 200 */
function get(url: string, agent?: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    request(url, { agent }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const body = Buffer.concat(chunks).toString()
        if (response.statusCode === 200) resolve(body)
        else reject(new Error(`GET ${url} answered ${response.statusCode}: ${body.slice(0, 300)}`))
      })
    })
      .on('error', reject)
      .end()
  })
}
