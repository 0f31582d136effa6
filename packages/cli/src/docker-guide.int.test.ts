import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ours, sweep } from '../test/docker/engine.js'
import { cli } from '../test/docker/kinds.js'
import { program } from '../test/program.js'

const guide = readFileSync(resolve(import.meta.dirname, '../../../docs/guides/docker-with-caddy.md'), 'utf8')
const blocks = (language: string) =>
  [...guide.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, text = '']) => text)
const haveEngine = process.env.APPALOFT_TEST_ENGINE !== undefined

const freePort = (): Promise<number> =>
  new Promise((done) => {
    const server = createServer()
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => done(port))
    })
  })

describe.skipIf(!haveEngine)('the guide to Docker and Caddy (needs an engine: node scripts/engines.mjs)', () => {
  const appaloft = program()

  it('says what a user can type, one after the other', { timeout: 300_000 }, async () => {
    const scope = `guide-${randomBytes(4).toString('hex')}`
    const folder = appaloft.folder('shop')
    const env = { PATH: `${cli.includes('/') ? `${dirname(cli)}:` : ''}${process.env.PATH}` }
    // The page's own configuration, at ports that are free and apart from what else is on the engine.
    const [config = ''] = blocks('json')
    const free = config
      .replace(':8080', `127.0.0.1:${await freePort()}`)
      .replace(':8443', `127.0.0.1:${await freePort()}`)
    writeFileSync(join(folder, 'appaloft.config.json'), JSON.stringify({ ...JSON.parse(free), docker: { scope } }))
    const commands = blocks('sh').flatMap((text) => text.trim().split('\n'))
    expect(commands.length).toBeGreaterThan(6)
    try {
      let version = 0
      for (const command of commands) {
        const [name, ...args] = command.split(' ')
        expect(name).toBe('appaloft')
        if (args[0] === 'up') writeFileSync(join(folder, 'index.html'), `<p>version ${++version}</p>`)
        else if (version === 0) writeFileSync(join(folder, 'index.html'), '<p>version 1</p>')
        const { code, stdout, stderr } = await appaloft.run(args, { cwd: folder, env })
        expect(code, `${command}: ${stdout}${stderr}`).toBe(0)
      }
      expect(ours(scope)).toEqual([])
    } finally {
      sweep(scope)
    }
  })
})
