import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ForwardTarget, Host } from '@appaloft/core/spec'
import type { HostFactory, Served } from './machine.js'

/** For hosts that lead to this very machine: itself, or one that a server on 127.0.0.1 opens. */
export const hostsHere = (make: () => Host | Promise<Host>, patienceMs?: number): HostFactory => ({
  ...(patienceMs === undefined ? {} : { patienceMs }),
  create: async () => {
    const base = await mkdtemp(join(tmpdir(), 'appaloft-host-'))
    const folder = join(base, 'case')
    await mkdir(folder)
    const host = await make()
    return {
      host,
      folder,
      serve: (kind) => serve(kind, join(base, 'served.sock')),
      close: async () => {
        try {
          await host.close()
        } finally {
          await rm(base, { recursive: true, force: true })
        }
      },
    }
  },
})

async function serve(kind: ForwardTarget['kind'], path: string): Promise<Served> {
  const text = `hello over ${kind}`
  const server = createServer((socket) => socket.on('error', () => undefined).end(text))
  await new Promise<void>((done) => (kind === 'tcp' ? server.listen(0, '127.0.0.1', done) : server.listen(path, done)))
  const bound = server.address()
  const address: ForwardTarget =
    typeof bound === 'object' && bound !== null
      ? { kind: 'tcp', host: '127.0.0.1', port: bound.port }
      : { kind: 'unix', path }
  return { address, text, close: () => new Promise<void>((done) => void server.close(() => done())) }
}
