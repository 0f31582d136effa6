import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryFolder, type WorldOptions, world } from '../../test/support.js'
import { settingsOf, wordsOf } from '../../test/systemd.js'
import type { Machine, Ran } from '../service/machine.js'

interface SceneOptions extends Omit<WorldOptions, 'machine'> {
  machine?: Partial<Machine>
  /** What a call says; silence and success without it. */
  answers?(call: string): Partial<Ran> | undefined
}

/** A machine whose service manager does what it is told and remembers it. */
function scene({ machine, answers, ...options }: SceneOptions = {}) {
  const cwd = options.cwd ?? temporaryFolder()
  const calls: string[] = []
  const run: Machine['run'] = async (file, args) => {
    const call = [file, ...args].join(' ')
    calls.push(call)
    return { code: 0, stdout: '', stderr: '', ...answers?.(call) }
  }
  const env = { HOME: join(cwd, 'home'), PATH: '/usr/bin', XDG_RUNTIME_DIR: '/run/user/1000', ...options.env }
  const w = world({ ...options, cwd, env, machine: { run, ...machine } })
  const userUnit = join(cwd, 'home/.config/systemd/user/appaloft.service')
  const systemUnit = join(cwd, 'units/appaloft.service')
  return { w, cwd, calls, userUnit, systemUnit, stateDir: join(cwd, '.state') }
}
const execOf = (file: string) => wordsOf(settingsOf(readFileSync(file, 'utf8')).ExecStart ?? '')

describe('service install', () => {
  it('writes a unit of this user, enables it, and lets it begin at boot', async () => {
    const { w, calls, userUnit, stateDir } = scene()
    mkdirSync(stateDir)
    expect(await w.run('service', 'install')).toBe(0)
    expect(execOf(userUnit)).toEqual(['/usr/bin/node', '/opt/appaloft/bin.js', 'reconcile', '--state-dir', stateDir])
    expect(calls).toEqual([
      'systemctl --user show --property=Version',
      'systemctl --user daemon-reload',
      'systemctl --user enable appaloft.service',
      'loginctl enable-linger',
    ])
    expect([w.stdout.text, w.stderr.text]).toEqual([expect.stringContaining('appaloft.service is enabled'), ''])
    // Again, after an upgrade: the same, and nothing to refuse.
    expect(await w.run('service', 'install', '--json')).toBe(0)
    expect(w.composed).toEqual([])
  })

  it('writes one of the system for root, or where it is asked for, for the owner of the state folder', async () => {
    const { w, calls, systemUnit, stateDir } = scene({ machine: { uid: 0, username: 'root' } })
    mkdirSync(stateDir)
    expect(await w.run('service', 'install', '--json')).toBe(0)
    const { uid } = statSync(stateDir)
    const settings = settingsOf(readFileSync(systemUnit, 'utf8'))
    expect(settings).toMatchObject({ User: uid === 0 ? 'root' : String(uid), WantedBy: 'multi-user.target' })
    expect(calls).toEqual([
      'systemctl show --property=Version',
      'systemctl daemon-reload',
      'systemctl enable appaloft.service',
    ])
    expect(w.documents()).toMatchObject([{ kind: 'service-installed', scope: 'system', file: systemUnit, stateDir }])
  })

  it('prints the unit with --dry-run, and needs no systemd for that', async () => {
    const { w, calls, userUnit } = scene()
    expect(await w.run('service', 'install', '--dry-run', '--state-dir', '/srv/a b')).toBe(0)
    expect(w.stdout.text).toContain('ExecStart=/usr/bin/node /opt/appaloft/bin.js reconcile --state-dir "/srv/a b"\n')
    expect([calls, existsSync(userUnit)]).toEqual([[], false])
    const json = scene()
    await json.w.run('service', 'install', '--dry-run', '--json')
    expect(json.w.documents()).toMatchObject([{ kind: 'service-unit', scope: 'user', file: json.userUnit }])
  })

  it('hands over the configuration where that composes the engine, and its state folder', async () => {
    const { w, cwd, userUnit } = scene()
    const file = join(cwd, 'appaloft.config.json')
    writeFileSync(file, JSON.stringify({ id: 'res_web', stateDir: 'kept' }))
    expect(await w.run('service', 'install')).toBe(0)
    expect(execOf(userUnit).slice(2)).toEqual(['reconcile', '--state-dir', join(cwd, 'kept')])
    writeFileSync(file, JSON.stringify({ id: 'res_web', stateDir: 'kept', retention: 2 }))
    expect(await w.run('service', 'install')).toBe(0)
    expect(execOf(userUnit).slice(2)).toEqual(['reconcile', '--state-dir', join(cwd, 'kept'), '--config', file])
  })

  it('leaves a unit alone that is not its own, or that serves another state folder', async () => {
    const { w, userUnit, cwd } = scene()
    expect(await w.run('service', 'install', '--state-dir', '/srv/one')).toBe(0)
    expect(await w.run('service', 'install', '--state-dir', '/srv/two')).toBe(2)
    expect(w.stderr.text).toContain('serves another state folder')
    expect(await w.run('service', 'install', '--state-dir', '/srv/two', '--name', 'appaloft-two')).toBe(0)
    expect(execOf(join(cwd, 'home/.config/systemd/user/appaloft-two.service'))).toContain('/srv/two')
    writeFileSync(userUnit, '[Service]\nExecStart=/mine\n')
    expect(await w.run('service', 'install')).toBe(2)
    expect(readFileSync(userUnit, 'utf8')).toContain('/mine')
    expect(await w.run('service', 'install', '--force')).toBe(0)
    expect(execOf(userUnit)).toContain('reconcile')
  })

  it.each([
    ['is not there', { code: null, stderr: 'spawn systemctl ENOENT' }, true, 'crontab'],
    ['did not boot the machine', { code: 1, stderr: 'Failed to connect to bus: No medium found' }, false, 'crontab'],
    ['has no bus for this user', { code: 1, stderr: 'Failed to connect to bus: No medium found' }, true, 'ssh, not su'],
  ])('says what to do where systemd %s, and writes nothing', async (_what, ran, booted, hint) => {
    const { w, userUnit } = scene({ machine: { booted }, answers: () => ran })
    expect(await w.run('service', 'install', '--json')).toBe(1)
    expect(w.documents()).toMatchObject([{ kind: 'error', error: { code: 'service-manager-unavailable' } }])
    expect(w.stderr.text).toContain(hint)
    expect(existsSync(userUnit)).toBe(false)
  })

  it('warns of what would keep it from its work', async () => {
    const program = ['/usr/bin/node', '/home/x/.npm/_npx/1/node_modules/appaloft/dist/bin.js']
    const { w } = scene({
      env: { APPALOFT_SECRET_KEY: 'c2VjcmV0' },
      machine: { program },
      answers: (call) => (call.startsWith('loginctl') ? { code: 1 } : undefined),
    })
    expect(await w.run('service', 'install', '-q')).toBe(0)
    for (const text of ['Nothing was deployed', 'npx', 'APPALOFT_SECRET_KEY', 'sudo loginctl enable-linger someone'])
      expect(w.stderr.text).toContain(text)
    expect(w.stderr.text).not.toContain('c2VjcmV0')
  })

  it('refuses flags that make no sense', async () => {
    const { w } = scene()
    expect(await w.run('service', 'install', '--user', '--system')).toBe(2)
    expect(await w.run('service', 'install', '--name', '../evil')).toBe(2)
    expect(await w.run('service')).toBe(2)
  })
})

describe('service status', () => {
  const enabled = (call: string) => {
    if (call.includes('UnitFileState')) return { stdout: 'ActiveState=active\nUnitFileState=enabled\nResult=success\n' }
    return call.startsWith('loginctl show-user someone') ? { stdout: 'Linger=yes\n' } : undefined
  }

  it('is good where the unit is there and enabled', async () => {
    const { w } = scene({ answers: enabled })
    await w.run('service', 'install', '-q')
    expect(await w.run('service', 'status')).toBe(0)
    expect(w.stdout.text).toMatch(/at boot +enabled\n.*it did its work/)
    expect(w.stdout.text).not.toContain('⚠')
    w.stdout.text = ''
    expect(await w.run('service', 'status', '--json')).toBe(0)
    expect(w.documents()).toMatchObject([
      { kind: 'service', installed: true, enabled: true, active: 'active', linger: true, upToDate: true },
    ])
  })

  it('says what is wrong, with what mends it', async () => {
    const { w } = scene()
    expect(await w.run('service', 'status')).toBe(1)
    expect(w.stdout.text).toContain('There is no unit appaloft.service of this user: appaloft service install')
    const failed = scene({
      answers: (call) =>
        call.includes('UnitFileState') ? { stdout: 'ActiveState=failed\nResult=exit-code' } : undefined,
    })
    await failed.w.run('service', 'install', '-q', '--state-dir', '/srv/one')
    expect(await failed.w.run('service', 'status')).toBe(1)
    for (const text of [
      'not enabled',
      'failed (exit-code)',
      'journalctl --user -u appaloft',
      'enable-linger',
      'not for this',
    ])
      expect(failed.w.stdout.text).toContain(text)
  })
})

describe('service uninstall', () => {
  it('disables the unit while its file still says what must not be killed, then removes it', async () => {
    let there: boolean | undefined
    const found = scene({
      answers: (call) => {
        if (call.includes('disable')) there = existsSync(found.userUnit)
        return undefined
      },
    })
    const { w, calls, userUnit } = found
    await w.run('service', 'install', '-q')
    calls.length = 0
    expect(await w.run('service', 'uninstall')).toBe(0)
    expect(calls.slice(1)).toEqual([
      'systemctl --user disable --now appaloft.service',
      'systemctl --user daemon-reload',
    ])
    expect([there, existsSync(userUnit)]).toEqual([true, false])
    expect(await w.run('service', 'uninstall')).toBe(0)
    expect(w.stdout.text).toContain('There is no unit')
  })

  it('leaves a unit alone that it did not write', async () => {
    const { w, userUnit } = scene()
    mkdirSync(join(userUnit, '..'), { recursive: true })
    writeFileSync(userUnit, '[Service]\n')
    expect(await w.run('service', 'uninstall')).toBe(2)
    expect(existsSync(userUnit)).toBe(true)
  })
})
