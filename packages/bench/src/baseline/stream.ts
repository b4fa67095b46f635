import { performance } from 'node:perf_hooks'
import { Client, credentials, Server, ServerCredentials, type ServerWritableStream } from '@grpc/grpc-js'

const mebibyte = 1024 * 1024
/** As the product's links have it. */
const options = {
  'grpc.max_receive_message_length': 10 * mebibyte,
  'grpc.max_send_message_length': 10 * mebibyte,
  'grpc-node.flow_control_window': mebibyte,
  'grpc.use_local_subchannel_pool': 1,
}
const path = '/bench.Bare/Stream'
const asIs = (bytes: Buffer): Buffer => bytes

/** Time to move so many bytes in so many messages over one bare grpc-js stream on loopback, connecting included. */
export async function bareStreamMs(bytes: number, messages: number): Promise<number> {
  const body = Buffer.alloc(Math.ceil(bytes / messages))
  const server = new Server(options)
  server.register(
    path,
    (call: ServerWritableStream<Buffer, Buffer>) => {
      for (let i = 0; i < messages; i++) call.write(body)
      call.end()
    },
    asIs,
    asIs,
    'serverStream',
  )
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    )
  })
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), options)
  try {
    const startMs = performance.now()
    await new Promise<void>((resolve, reject) => {
      const call = client.makeServerStreamRequest(path, asIs, asIs, Buffer.alloc(0))
      call.on('data', () => {})
      call.on('error', reject)
      call.on('end', resolve)
    })
    return performance.now() - startMs
  } finally {
    client.close()
    server.forceShutdown()
  }
}
