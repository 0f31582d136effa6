import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { closing, env, failure } from '../test/helpers.js'
import { haveSshd, newKey, type Sshd, startSshd, withoutSshd } from '../test/sshd.js'
import { wireTo } from '../test/wire.js'
import type { SshHostOptions } from './options.js'
import { sshHost } from './sshHost.js'

const parts = process.env.APPALOFT_TEST_SSHD ?? ''
const libraries = process.env.APPALOFT_TEST_SSHD_LIBRARIES ?? ''
const odd = [`it's "odd"`, '', '$HOME `id` \\ \\n', 'two\nlines\n', '; exit 9', '!x !! {a,b} * ~', 'grüße 🐎']

describe.skipIf(!haveSshd)(`connecting ${withoutSshd}`, () => {
  let sshd: Sshd
  let fish = ''
  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'appaloft-shells-'))
    fish = join(folder, 'fish')
    const tcsh = join(folder, 'tcsh')
    for (const [path, program] of [
      [fish, 'usr/bin/fish'],
      [tcsh, 'bin/tcsh'],
    ] as const) {
      const script = `#!/bin/sh\nLD_LIBRARY_PATH=${libraries} exec ${join(parts, 'root', program)} "$@"\n`
      await writeFile(path, script)
      await chmod(path, 0o755)
    }
    const bash = (text: string) => ({ shell: '/bin/bash', files: { '.bashrc': text } })
    sshd = await startSshd({
      config: ['MaxSessions 10'],
      users: {
        fish: { shell: fish, files: { '.config/fish/config.fish': 'echo noise; set -x LEAKED 1' } },
        tcsh: { shell: tcsh, files: { '.cshrc': 'echo noise; setenv LEAKED 1' } },
        loud: bash('echo noise; printf "no end" >&2; export LEAKED=1; alias exec=false; cd /'),
        slow: bash('sleep 1'),
        counted: bash('printf x >>"$HOME/logins"'),
        asleep: bash('sleep 30'),
        exits: bash('echo "not today"; exit 3'),
        nologin: { shell: '/usr/sbin/nologin' },
        shellless: { shell: '/no/such/shell' },
      },
    })
    folders.push(folder)
  })
  const folders: string[] = []
  afterAll(async () => {
    await sshd.close()
    for (const folder of folders) await rm(folder, { recursive: true, force: true })
  })

  it('opens the session of the next command ahead, and no more than one', async () => {
    const host = closing(sshd.host('counted', { maxSessions: 1 }))
    const logins = () => readFileSync(join(sshd.folder, 'home/counted/logins'), 'utf8').length
    const sample = async () =>
      Number((await host.exec(['wc', '-c', join(sshd.folder, 'home/counted/logins')], { env })).stdout.split(' ')[0])
    // The guard's, the command's own, then one that waits.
    expect(await sample()).toBe(2)
    for (const waiting of [3, 4]) {
      await expect.poll(logins, { timeout: 20_000 }).toBe(waiting)
      expect(await sample()).toBe(waiting)
    }
  })

  it.each(['plain', 'fish', 'tcsh', 'loud', 'slow'])('runs commands to the letter for the user %s', async (user) => {
    const host = closing(sshd.host(user))
    const secret = 'secret $x\n\'"\\'
    const result = await host.exec(
      ['sh', '-c', 'for one; do printf "<%s>" "$one"; done; cat; env -0 >&2', 'sh', ...odd],
      {
        env: { ...env, SECRET: secret },
        input: 'in\0put',
      },
    )
    expect(result.stdout).toBe(`${odd.map((one) => `<${one}>`).join('')}in\0put`)
    const variables = result.stderr.split('\0')
    expect(variables).toContain(`SECRET=${secret}`)
    expect(variables.filter((one) => /LEAKED|SSH_|USER/.test(one))).toEqual([])
    expect((await host.exec(['sh', '-c', 'exit 255'], { env })).exitCode).toBe(255)
  })

  it('shows environment and input in no list of arguments, here or there', async () => {
    const host = closing(sshd.host())
    const secret = randomBytes(12).toString('hex')
    const script = 'cat; grep -l "$S" /proc/[0-9]*/cmdline 2>/dev/null; echo end'
    const { stdout } = await host.exec(['sh', '-c', script], { env: { ...env, S: secret }, input: `${secret}\n` })
    expect(stdout).toBe(`${secret}\nend\n`)
  })

  it('makes one connection for everything', async () => {
    const wire = await wireTo(sshd.port)
    onTestFinished(() => wire.close())
    const host = closing(sshd.host('plain', { port: wire.port }))
    await Promise.all(Array.from({ length: 10 }, () => host.exec(['true'])))
    const { close } = await host.forward({ kind: 'unix', path: '/run/none.sock' })
    await close()
    expect(wire.made()).toBe(1)
  })

  const refusals: [string, (options: SshHostOptions) => Partial<SshHostOptions>, object][] = [
    ['a name that leads nowhere', () => ({ destination: 'none.invalid' }), { details: { reason: 'unresolved' } }],
    ['a port that nobody listens on', () => ({ port: 1 }), { details: { reason: 'refused' } }],
    ['an unknown host key', () => ({ knownHosts: { file: '/dev/null' } }), { code: 'host-key-unknown' }],
    [
      'a login shell that does not exist',
      () => ({ destination: 'shellless@127.0.0.1' }),
      { code: 'host-login-refused' },
    ],
    [
      'a login shell that lets nobody in',
      () => ({ destination: 'nologin@127.0.0.1' }),
      { code: 'host-shell-unusable' },
    ],
    ['login files that end the shell', () => ({ destination: 'exits@127.0.0.1' }), { code: 'host-shell-unusable' }],
    [
      'login files that never end',
      () => ({ destination: 'asleep@127.0.0.1', connectTimeoutSeconds: 4 }),
      { code: 'host-shell-unusable', details: { reason: 'shell-silent' } },
    ],
    [
      'an identity file that is not there',
      () => ({ identityFile: '/no/such/key' }),
      { code: 'host-login-refused', details: { reason: 'identity-missing' } },
    ],
    ['a program that is none', () => ({ ssh: '/no/such/ssh' }), { code: 'command-not-found' }],
  ]

  it.each(refusals)('tells %s', async (_, change, expected) => {
    const options = sshd.options()
    const host = closing(sshHost({ ...options, ...change(options) }))
    const error = await failure(host.exec(['true']))
    expect(error).toMatchObject({ code: 'runtime-backend-unavailable', ...expected })
    expect(error).toHaveProperty('recoveryHint', expect.stringMatching(/\w{3}/))
  })

  it('tells a wrong key, and a host key that changed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'appaloft-keys-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    newKey(join(folder, 'other'))
    const wrong = closing(sshd.host('plain', { identityFile: join(folder, 'other') }))
    expect(await failure(wrong.exec(['true']))).toMatchObject({ code: 'host-login-refused', retriable: false })
    const other = readFileSync(join(folder, 'other.pub'), 'utf8').trim()
    const changed = closing(sshd.host('plain', { knownHosts: { keys: [other] } }))
    expect(await failure(changed.exec(['true']))).toMatchObject({ code: 'host-key-changed', retriable: false })
    const both = closing(sshd.host('plain', { knownHosts: { keys: [other, sshd.hostKey] } }))
    expect(await both.exec(['true'])).toMatchObject({ exitCode: 0 })
  })

  it('takes the configuration’s word for names, users, keys and known hosts, and trusts a first key only when told to', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'appaloft-config-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const known = join(folder, 'known hosts')
    const lines = [
      ...['Host web', ' HostName 127.0.0.1', ' User plain', ` Port ${sshd.port}`, ` IdentityFile ${sshd.identityFile}`],
      ...[` UserKnownHostsFile "${known}"`, ' StrictHostKeyChecking no', ' RemoteCommand date', ' RequestTTY force'],
      ...[' LocalForward 1 localhost:1', ' ControlMaster auto', ` ControlPath ${folder}/mine`, ' LogLevel QUIET'],
    ]
    await writeFile(join(folder, 'config'), `${lines.join('\n')}\n`)
    const options = { destination: 'web', configFile: join(folder, 'config') }
    expect(await failure(closing(sshHost(options)).exec(['true']))).toMatchObject({ code: 'host-key-unknown' })
    const host = closing(sshHost({ ...options, knownHosts: 'accept-new' }))
    expect(await host.exec(['echo', 'here'])).toMatchObject({ stdout: 'here\n' })
    expect(readFileSync(known, 'utf8')).toContain(sshd.hostKey.split(' ')[1])
    expect(existsSync(join(folder, 'mine'))).toBe(false)
    expect(await closing(sshHost(options)).exec(['echo', 'known'])).toMatchObject({ stdout: 'known\n' })
  })
})
