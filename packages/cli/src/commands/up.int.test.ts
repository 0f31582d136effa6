import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Deployment } from '@appaloft/core/spec'
import { describe, expect, it } from 'vitest'
import { copyExpress, copyVite, git, writeHtml, writeServer } from '../../test/apps.js'
import { type Finished, program } from '../../test/program.js'

const cli = program()

const resultOf = (finished: Finished): Deployment => {
  const last = finished.documents().at(-1)
  expect(last, finished.stdout + finished.stderr).toMatchObject({ kind: 'result' })
  return (last as { deployment: Deployment }).deployment
}

/** Deploys, and proves that the printed URL is answered by that very attempt. */
async function up(path: string, ...flags: string[]) {
  const finished = await cli.run(['up', path, '--json', ...flags])
  expect(finished.code, finished.stdout + finished.stderr).toBe(0)
  const deployment = resultOf(finished)
  const answer = await fetch(deployment.accessUrls[0] as string)
  expect(answer.headers.get('x-appaloft-deployment')).toBe(deployment.id)
  return { deployment, answer, text: await answer.text() }
}

describe('up', () => {
  it('serves a folder of HTML, a new version of it, and the former one again', async () => {
    const folder = writeHtml(cli.folder('My Site'), 'first')
    const first = await up(folder)
    expect(first.deployment.resourceId).toBe('res_my-site')
    expect(first.text).toContain('first')

    writeHtml(folder, 'second')
    const second = await up(folder)
    expect(second.text).toContain('second')
    expect(second.deployment.accessUrls).toEqual(first.deployment.accessUrls)

    const back = await cli.run(['deployments', 'rollback', 'res_my-site', '--quiet'])
    expect(back.code, back.stderr).toBe(0)
    expect(back.stdout).toBe(`${first.deployment.accessUrls[0]}\n`)
    expect(await (await fetch(back.stdout.trim())).text()).toContain('first')

    const shown = await cli.run(['status', 'my-site'], { cwd: folder })
    expect(shown.code, shown.stdout).toBe(0)
    const list = await cli.run(['deployments', 'list', '--json'])
    expect(list.documents().map(({ deployment }) => (deployment as Deployment).trigger)).toEqual([
      'rollback',
      'create',
      'create',
    ])

    const down = await cli.run(['down'], { cwd: folder })
    expect(down.code, down.stderr).toBe(0)
    await expect(fetch(back.stdout.trim())).rejects.toThrow()
  })

  it('serves a Node server without dependencies, with its variables', async () => {
    const folder = writeServer(cli.folder('api'))
    const { text } = await up(folder, '--env', 'GREETING=from the flag')
    expect(text).toBe('hello from the flag')
    const logs = await cli.run(['logs', 'api'])
    expect(logs.stdout).toContain('listens')
    const ran = await cli.run(['exec', 'api', '--', 'sh', '-c', 'echo $GREETING; exit 3'])
    expect([ran.code, ran.stdout]).toEqual([3, 'from the flag\n'])
  })

  it('hands a secret over without ever showing it', async () => {
    const folder = writeServer(cli.folder('api'), { before: 'console.log("the token is " + process.env.GREETING)' })
    const flags = ['--secret', 'GREETING=-', '--json']
    const finished = await cli.run(['up', folder, ...flags], { stdin: 'tr0ub4dor&3\n' })
    expect(finished.code, finished.stderr).toBe(0)
    const [url] = resultOf(finished).accessUrls
    expect(await (await fetch(url as string)).text()).toBe('hello tr0ub4dor&3')
    const logs = await cli.run(['logs', 'api', '--json'])
    expect(logs.stdout).toContain('the token is')
    for (const text of [finished.stdout, finished.stderr, logs.stdout]) expect(text).not.toContain('tr0ub4dor')
    expect(readFileSync(join(cli.stateDir(), 'appaloft.db')).includes('tr0ub4dor')).toBe(false)
  })

  it('serves an Express server with a lockfile', async () => {
    const { text, deployment } = await up(copyExpress(cli.folder('express')), '--health-path', '/healthz')
    expect(JSON.parse(text)).toEqual({ version: 'one' })
    expect(deployment.checks.health?.status).toBe('passed')
  }, 120_000)

  it('builds and serves a Vite site', async () => {
    const { text } = await up(copyVite(cli.folder('vite')))
    expect(text).toMatch(/assets\/index-.*\.js/)
  }, 120_000)

  it('serves a git repository at a ref', async () => {
    const repository = writeHtml(cli.folder('repository'), 'main')
    git(repository, 'init', '--quiet', '--initial-branch=main')
    git(repository, 'add', '.')
    git(repository, 'commit', '--quiet', '-m', 'main')
    git(repository, 'checkout', '--quiet', '-b', 'next')
    writeHtml(repository, 'next')
    git(repository, 'commit', '--quiet', '-am', 'next')
    const url = `file://${repository}`
    const next = await up(`${url}#next`)
    expect(next.text).toContain('next')
    expect(next.deployment.sourceSummary.commitSha).toBe(git(repository, 'rev-parse', 'next'))
    const main = await up(url, '--ref', 'main')
    expect(main.text).toContain('main')
    expect(main.deployment.resourceId).toBe('res_repository')

    const missing = await cli.run(['up', `${url}#nowhere`, '--json'])
    expect(missing.code).toBe(3)
    expect(resultOf(missing).failure?.code).toBe('git-ref-not-found')
  })

  it('serves an archive', async () => {
    const folder = writeHtml(cli.folder('shop'), 'packed')
    const file = join(cli.folder('packed'), 'shop.tar.gz')
    execFileSync('tar', ['-czf', file, '-C', folder, '.'])
    const { text, deployment } = await up(file)
    expect(text).toContain('packed')
    expect(deployment.resourceId).toBe('res_shop')
  })

  it('serves two folders of one name beside each other', async () => {
    const one = await up(writeHtml(cli.folder('a/web'), 'one'))
    const two = await up(writeHtml(cli.folder('b/web'), 'two'))
    expect(one.deployment.resourceId).toBe('res_web')
    expect(two.deployment.resourceId).toMatch(/^res_web-/)
    expect(await (await fetch(one.deployment.accessUrls[0] as string)).text()).toContain('one')
  })

  it('follows a configuration in TypeScript', async () => {
    const folder = writeServer(cli.folder('app'))
    const config = `import { defineConfig } from 'appaloft'
      export default defineConfig({ id: 'res_chosen', environment: { GREETING: { fromEnv: 'WORDS' } } })`
    writeFileSync(join(folder, 'appaloft.config.ts'), config)
    const finished = await cli.run(['up', '--json'], { cwd: folder, env: { WORDS: 'by file' } })
    expect(finished.code, finished.stderr).toBe(0)
    expect(resultOf(finished).resourceId).toBe('res_chosen')
    expect(await (await fetch(resultOf(finished).accessUrls[0] as string)).text()).toBe('hello by file')
  })

  it('keeps the old release when the new one is not healthy, and says what happened', async () => {
    const folder = writeServer(cli.folder('api'), { text: 'good' })
    const { deployment: good } = await up(folder)
    writeServer(folder, { text: 'bad', status: 503 })
    const health = ['--health-path', '/', '--json']
    writeFileSync(
      join(folder, 'appaloft.config.json'),
      JSON.stringify({ health: { path: '/', retries: 2, intervalSeconds: 0.2, startPeriodSeconds: 0 } }),
    )
    const finished = await cli.run(['up', ...health], { cwd: folder })
    expect(finished.code, finished.stderr).toBe(1)
    const failed = resultOf(finished)
    expect(failed).toMatchObject({
      status: 'failed',
      currentPhase: 'verify',
      failure: { code: 'health-status-unexpected', phase: 'verify' },
      rollback: { outcome: 'restored' },
    })
    const answer = await fetch(good.accessUrls[0] as string)
    expect(answer.headers.get('x-appaloft-deployment')).toBe(good.id)
    const words = await cli.run(['deployments', 'show', failed.id])
    expect(words.stdout).toContain('health-status-unexpected (verify')
    expect(words.stdout).toContain('rollback: restored')
  })

  it('ends with 3 for a source that cannot be planned', async () => {
    const folder = cli.folder('empty')
    writeFileSync(join(folder, 'package.json'), '{ "name": "empty", "dependencies": { "left-pad": "1.3.0" } }')
    const finished = await cli.run(['up', folder])
    expect(finished.code, finished.stdout + finished.stderr).toBe(3)
    expect(finished.stdout).toMatch(/or: .* runtime\.startCommand/)
    expect(finished.stdout).toContain('to recover: Add a start script')
    expect(finished.stdout).not.toContain('\u001b')
  })

  it('lets a detached attempt run in a process of its own', async () => {
    const folder = writeServer(cli.folder('api'), { build: 'setTimeout(() => console.log("built"), 1500)' })
    const started = await cli.run(['up', folder, '--detach'])
    expect(started.code, started.stderr).toBe(0)
    const id = started.stdout.trim()
    const followed = await cli.run(['deployments', 'events', id, '--follow', '--json'])
    expect(followed.documents().at(-1)).toMatchObject({ kind: 'closed', reason: 'completed' })
    const shown = await cli.run(['deployments', 'show', id, '--json'])
    expect(shown.documents()).toMatchObject([{ id, status: 'succeeded' }])
  })
})
