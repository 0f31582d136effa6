import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import type { Deployment, Preview } from '@appaloft/core/spec'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { program } from '../program.js'
import { ours, plantForeign, run, sweep } from './engine.js'
import { cli, type Kind, runtime, type Version } from './kinds.js'

export const haveEngine = process.env.APPALOFT_TEST_ENGINE !== undefined
const needed = haveEngine ? '' : ' (needs a Docker Engine: run it with node scripts/engines.mjs)'

const freePort = (): Promise<number> =>
  new Promise((done, fail) => {
    const server = createServer().once('error', fail)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => done(port))
    })
  })

/** Each kind, from the command line: previewed, deployed behind a Caddy of ours, deployed anew, rolled back, removed. */
export function tellStories(kinds: readonly Kind[], { foreign: count }: { foreign: number }): void {
  describe.skipIf(!haveEngine)(`the command with Docker and Caddy${needed}`, () => {
    const appaloft = program()
    const unique = `story-${randomBytes(4).toString('hex')}`
    let foreign: ReturnType<typeof plantForeign>
    let before: ReturnType<typeof foreign.look>
    beforeAll(() => {
      foreign = plantForeign(`foreign-${unique}`, count)
      before = foreign.look()
    }, 300_000)
    afterEach(() => sweep(unique))
    afterAll(() => {
      foreign?.remove()
    })

    it.each(kinds.map((kind) => [kind.name, kind] as const))(
      '%s: from preview to removal',
      { timeout: 900_000 },
      async (_, kind) => {
        const port = await freePort()
        const folder = appaloft.folder('app')
        const hostname = `${kind.name}.example.test`
        // The command finds `docker` on the PATH, as a user's does.
        const env = { PATH: `${cli.includes('/') ? `${dirname(cli)}:` : ''}${process.env.PATH}` }
        const write = (version: Version) => {
          kind.write(folder, version, unique)
          const source = kind.source?.(version, unique) ?? { kind: 'local-folder', path: folder }
          const config = {
            ...{ target: 'docker', proxy: 'caddy', docker: { scope: unique } },
            caddy: { http: `127.0.0.1:${port}`, tls: 'off' },
            ...{ id: `res_${kind.name}`, runtime, ...kind.profile, source },
            network: { drainSeconds: 1, ...kind.profile?.network },
            access: { hostnames: [hostname], tls: 'off' },
          }
          const away = join(folder, '..', 'config')
          mkdirSync(away, { recursive: true })
          // Beside the source: it is no part of it.
          writeFileSync(join(away, 'appaloft.config.json'), JSON.stringify(config))
        }
        const call = async (...args: string[]) => {
          const finished = await appaloft.run([...args, '--json'], { cwd: join(folder, '..', 'config'), env })
          expect(finished.code, finished.stdout + finished.stderr).toBe(0)
          return finished.documents()
        }
        const deployed = async (...args: string[]): Promise<Deployment> => {
          const { deployment } = (await call(...args)).at(-1) as { deployment: Deployment }
          expect(deployment).toMatchObject({ status: 'succeeded', target: 'docker', failure: null })
          for (const check of ['process', 'health', 'route', 'access'] as const)
            expect(deployment.checks[check]?.status, check).toBe('passed')
          return deployment
        }
        const ask = async (path: string) => {
          const request = http.get({ host: '127.0.0.1', port, path, agent: false, headers: { host: hostname } })
          const [answer] = (await once(request, 'response')) as [http.IncomingMessage]
          let text = ''
          for await (const chunk of answer.setEncoding('utf8')) text += chunk
          return { status: answer.statusCode, by: answer.headers['x-appaloft-deployment'], text }
        }
        const serves = async (version: string, { id }: Deployment) => {
          const told = await kind.read(async (path) => {
            const { status, by, text } = await ask(path)
            expect({ status, by }, path).toEqual({ status: 200, by: id })
            return text
          })
          expect(told).toBe(version)
        }

        write('one')
        const preview = (await call('plan'))[0] as Preview
        expect(preview.readiness.status, JSON.stringify(preview.unsupportedReasons)).not.toBe('blocked')
        expect(preview.artifact?.kind).toBe(kind.artifact)
        expect(ours(unique)).toEqual([])

        const one = await deployed('up', '--fingerprint', preview.fingerprint)
        await serves('one', one)
        write('two')
        const two = await deployed('up')
        await serves('two', two)
        const back = await deployed('deployments', 'rollback', `res_${kind.name}`)
        expect(back).toMatchObject({ trigger: 'rollback', release: { id: one.release?.id } })
        await serves('one', back)

        expect(await call('down', '--volumes', '--proxy')).toMatchObject([
          { kind: 'removed' },
          { kind: 'proxy-removed', removed: true },
        ])
        await expect(ask('/')).rejects.toThrow()
        expect(ours(unique)).toEqual([])
        expect(foreign.look()).toEqual(before)
      },
    )

    it('has left what is somebody else’s as it was', () => {
      expect(Object.values(before).flat()).toHaveLength(4 * count)
      expect(foreign.look()).toEqual(before)
      expect(run('ps', '--quiet', '--filter', `label=appaloft.scope=${unique}`)).toBe('')
    })
  })
}
