import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import type { Deployment } from '@appaloft/core/spec'
import { beforeAll, describe, expect, it } from 'vitest'
import { writeServer } from '../test/apps.js'
import { program } from '../test/program.js'
import { homeBelow } from '../test/watched.js'

const cli = program()
/** Nobody listens there any more. */
let nowhere = ''
beforeAll(async () => {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  nowhere = `127.0.0.1:${(server.address() as AddressInfo).port}`
  await new Promise((done) => server.close(done))
})

const up = async (path: string, env: Record<string, string> = {}) => {
  const finished = await cli.run(['up', path, '--json'], { env })
  const { deployment } = finished.documents().at(-1) as { deployment: Deployment }
  return { code: finished.code, deployment }
}

describe('without a network', () => {
  it.each([
    ['a git repository', (host: string) => `https://${host}/app.git`, 'git-host-unreachable'],
    ['a git repository over ssh', (host: string) => `ssh://git@${host}/app.git`, 'git-host-unreachable'],
    ['an archive', (host: string) => `https://${host}/app.tar.gz`, 'source-unreadable'],
  ] as const)('%s is told as out of reach', async (_, url, code) => {
    const { code: exit, deployment } = await up(url(nowhere))
    expect(exit).toBe(3)
    expect(deployment).toMatchObject({ status: 'failed', currentPhase: 'detect' })
    expect(deployment.failure).toMatchObject({ code, phase: 'detect' })
    expect(deployment.failure?.message).toMatch(/cannot be (?:reached|fetched)/)
    expect(deployment.failure?.recoveryHint).toMatch(/the network, then try again/)
  })

  it('an install that needs the registry fails as the network does, and the former release serves on', async () => {
    const env = homeBelow(cli.folder('user'))
    const app = writeServer(cli.folder('app'))
    const before = await up(app, env)
    expect(before.code).toBe(0)

    // The user's own settings of npm lead nowhere, and its cache is empty.
    writeFileSync(join(env.HOME as string, '.npmrc'), `registry=http://${nowhere}/\nfetch-retries=0\n`)
    const named = { name: 'plain', version: '1.0.0' }
    const dependencies = { ms: '2.1.3' }
    const packages = { '': { ...named, dependencies }, 'node_modules/ms': { version: '2.1.3' } }
    const write = (name: string, value: object) =>
      writeFileSync(join(app, name), JSON.stringify({ ...named, ...value }))
    write('package.json', { scripts: { start: 'node server.js' }, dependencies })
    write('package-lock.json', { lockfileVersion: 3, packages })
    const after = await up(app, env)
    expect(after.code).toBe(1)
    const { failure, rollback } = after.deployment
    expect(failure).toMatchObject({ code: 'install-failed', category: 'network', phase: 'execute', step: 'build' })
    expect(failure?.lastLogs.join('\n')).toContain('ECONNREFUSED')
    expect(failure?.recoveryHint).toContain('Check the network')
    expect(rollback).toMatchObject({ outcome: 'restored' })
    const answer = await fetch(before.deployment.accessUrls[0] as string)
    expect(answer.headers.get('x-appaloft-deployment')).toBe(before.deployment.id)
  })
})
