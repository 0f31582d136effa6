import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { get, type IncomingMessage } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, expect, it, onTestFinished } from 'vitest'
import { cli, nodeImage, removeScope, testScope } from '../../packages/target-docker/test/engine.js'
import { engineSocket, haveEngine } from '../../packages/target-ssh/test/machine.js'
import { haveSshd, type Sshd, startSshd, withoutSshd } from '../../packages/target-ssh/test/sshd.js'
import { wireTo } from '../../packages/target-ssh/test/wire.js'
import { serveOnMachine, sizeOnMachine, withCaddy } from './index.js'

const machine = async (): Promise<Sshd> => {
  const sshd = await startSshd()
  onTestFinished(() => sshd.close())
  return sshd
}
const serverOf = (word: string) =>
  `import { createServer } from 'node:http'\ncreateServer((_, answer) => answer.end('${word}')).listen(process.env.PORT ?? 3000)\n`
const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0))
    })
  })

describe.skipIf(!haveSshd)(`with a machine ${withoutSshd}`, () => {
  it('copies a folder, and asks for its size', async () => {
    const sshd = await machine()
    const from = join(sshd.folder, 'from')
    await mkdir(from)
    await writeFile(join(from, 'file'), 'x'.repeat(100_000))
    const to = join(sshd.folder, 'to/here')
    expect(await sizeOnMachine(from, to, sshd.options())).toMatch(new RegExp(`^1\\d\\d\\s+${to}\\n$`))
  })
})

describe.skipIf(!haveSshd || !haveEngine)(`with an engine on a machine ${withoutSshd}`, () => {
  it('builds, starts, proves and replaces a release there, each over one connection', async () => {
    const sshd = await machine()
    const wire = await wireTo(sshd.port)
    onTestFinished(() => wire.close())
    const scope = testScope()
    onTestFinished(() => removeScope(scope))
    const app = join(sshd.folder, 'app')
    await mkdir(app)
    const manifest = { name: 'shop', private: true, type: 'module', scripts: { start: 'node server.js' } }
    await writeFile(join(app, 'package.json'), JSON.stringify(manifest))
    const [hostPort, port, socket] = [await freePort(), await freePort(), await engineSocket()]
    for (const [at, word] of ['open', 'closed'].entries()) {
      await writeFile(join(app, 'server.js'), serverOf(word))
      const where = { network: { exposure: 'direct-port' as const, hostPort } }
      const options = { host: { ...sshd.options(), port: wire.port }, socket, scope, cli, baseImage: () => nodeImage }
      const url = await serveOnMachine(app, where, join(sshd.folder, 'state'), options)
      expect(url).toBe(`http://127.0.0.1:${hostPort}/`)
      expect(await (await fetch(url)).text()).toBe(word)
      expect(wire.made()).toBe(at + 1)
    }
    // The same behind a Caddy there, which the first deployment starts and the second one finds.
    const options = { host: sshd.options(), socket, scope, cli, baseImage: () => nodeImage }
    const root = join(sshd.folder, 'caddy')
    const served = withCaddy(options, { http: `127.0.0.1:${port}`, tls: 'off' }, { root, scope, socket })
    for (const word of ['here', 'there']) {
      await writeFile(join(app, 'server.js'), serverOf(word))
      const access = { hostnames: ['shop.localhost'], tls: 'off' as const }
      const url = await serveOnMachine(app, { access }, join(sshd.folder, `laptop-${word}`), served)
      expect(url).toBe(`http://shop.localhost:${port}/`)
      const request = get({ host: '127.0.0.1', port, headers: { host: 'shop.localhost' }, agent: false })
      const [answer] = (await once(request, 'response')) as [IncomingMessage]
      expect(await text(answer)).toBe(word)
    }
  }, 120_000)
})
