import { spawnSync } from 'node:child_process'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Deployment, ResourceStatus } from '@appaloft/core/spec'
import { describe, expect, it, vi } from 'vitest'
import { writeHtml, writeServer } from '../../test/apps.js'
import { outage, survivors } from '../../test/outage.js'
import { program } from '../../test/program.js'
import { settingsOf, wordsOf } from '../../test/systemd.js'

const cli = program()
const patience = { timeout: 30_000, interval: 50 }

/** A `systemctl` and a `loginctl` that write down what they are asked. */
function servicePrograms() {
  const folder = cli.folder('programs')
  const log = join(cli.folder('.'), 'calls')
  writeFileSync(log, '')
  for (const name of ['systemctl', 'loginctl']) {
    const file = join(folder, name)
    writeFileSync(file, `#!/bin/sh\nprintf '%s\\n' "${name} $*" >> '${log}'\n`)
    chmodSync(file, 0o755)
  }
  const env = { HOME: cli.folder('home'), XDG_CONFIG_HOME: join(cli.folder('home'), '.config') }
  return {
    env: { ...env, PATH: `${folder}:${process.env.PATH}` },
    unit: join(env.XDG_CONFIG_HOME, 'systemd/user/appaloft.service'),
    calls: () => readFileSync(log, 'utf8').split('\n').slice(0, -1),
  }
}

/** What systemd does with the unit at boot: its command, in its folder, with nothing but its environment. */
function boot(unit: string) {
  const settings = settingsOf(unit)
  const [file = '', ...args] = wordsOf(settings.ExecStart ?? '')
  const [pair = ''] = wordsOf(settings.Environment ?? '')
  const at = pair.indexOf('=')
  return spawnSync(file, args, {
    cwd: settings.WorkingDirectory ?? '/',
    env: { [pair.slice(0, at)]: pair.slice(at + 1), HOME: cli.folder('home') },
    encoding: 'utf8',
  })
}

async function up(stateDir: string, path: string, ...flags: string[]): Promise<Deployment> {
  const finished = await cli.run(['up', path, '--json', '--state-dir', stateDir, ...flags])
  expect(finished.code, finished.stdout + finished.stderr).toBe(0)
  return (finished.documents().at(-1) as { deployment: Deployment }).deployment
}
const answerOf = async ({ accessUrls: [url = ''] }: Deployment, host?: string) => {
  const answer = await fetch(url, host === undefined ? {} : { headers: { host } })
  return [answer.headers.get('x-appaloft-deployment'), await answer.text()]
}

describe('service install', () => {
  it.each([
    ['a folder with a plain name', 'state'],
    [
      'a folder whose name means something to systemd',
      '100% of $HOME "quoted" and so long that its sockets lie elsewhere'.padEnd(110, '-'),
    ],
  ])(
    'writes a unit whose command brings everything back after an outage, in %s',
    async (_what, name) => {
      const stateDir = join(cli.folder('.'), name)
      const { env, unit, calls } = servicePrograms()
      const site = await up(stateDir, writeHtml(cli.folder('site'), 'static'))
      const server = writeServer(cli.folder('api'), { text: 'first' })
      await up(stateDir, server)
      const api = await up(stateDir, writeServer(server, { text: 'second' }), '--env', 'GREETING=world')
      expect(await answerOf(api)).toEqual([api.id, 'second world'])

      const installed = await cli.run(['service', 'install', '--user', '--state-dir', stateDir], { env })
      expect(installed.code, installed.stderr).toBe(0)
      expect(calls().at(-1)).toBe('loginctl enable-linger')

      expect(await outage(stateDir)).toBeGreaterThanOrEqual(4)
      await expect(answerOf(api)).rejects.toThrow()
      const started = boot(readFileSync(unit, 'utf8'))
      expect([started.status, started.stderr]).toEqual([0, ''])
      // Served by the very releases, on the very ports, as soon as they listen.
      await vi.waitFor(async () => expect(await answerOf(api)).toEqual([api.id, 'second world']), patience)
      const served = [site.id, expect.stringContaining('static')]
      await vi.waitFor(async () => expect(await answerOf(site)).toEqual(served), patience)
      expect(survivors(stateDir).length).toBeGreaterThanOrEqual(4)
      for (const id of ['api', 'site']) {
        const shown = await cli.run(['status', id, '--json', '--state-dir', stateDir])
        const { status } = shown.documents()[0] as { status: ResourceStatus }
        expect([shown.code, status.observed.state, status.drift]).toEqual([0, 'running', []])
      }
      // A second run, as `systemctl restart` makes one, disturbs nothing.
      const before = survivors(stateDir).sort()
      expect(boot(readFileSync(unit, 'utf8')).status).toBe(0)
      expect(survivors(stateDir).sort()).toEqual(before)
      for (const id of ['api', 'site']) await cli.run(['down', id, '--state-dir', stateDir])
      const { shutdown } = await import('@appaloft/target-process')
      await shutdown(stateDir, { force: true })
    },
    120_000,
  )

  it('says what is missing where there is no systemd', async () => {
    const empty = cli.folder('empty')
    const env = { PATH: empty, HOME: cli.folder('home') }
    const finished = await cli.run(['service', 'install', '--user', '--json'], { env })
    expect(finished.code).toBe(1)
    expect(finished.documents()).toMatchObject([{ kind: 'error', error: { code: 'service-manager-unavailable' } }])
    expect(finished.stderr).toContain('There is no systemd on this machine.')
    const dry = await cli.run(['service', 'install', '--user', '--dry-run'], { env })
    expect([dry.code, dry.stdout]).toEqual([0, expect.stringContaining('Type=oneshot')])
  })
})
