import { execFileSync, spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { chmod, copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { endsWithUs } from '../../testkit/test/guard.js'
import { closing, env, failure, gone, living, nap } from '../test/helpers.js'
import { descendants, haveSshd, newKey, type Sshd, startSshd, withoutSshd } from '../test/sshd.js'
import { sshHost } from './sshHost.js'

// Ways to a machine, and homes there, as people have them.

const keygen = (...args: string[]) => execFileSync('ssh-keygen', ['-q', ...args], { stdio: 'pipe' })
const link = async (folder: string, names: readonly string[]) => {
  await mkdir(folder, { recursive: true })
  for (const name of names) {
    const found = execFileSync('/bin/sh', ['-c', 'command -v "$0"', name], { encoding: 'utf8' }).trim()
    await symlink(found, join(folder, name))
  }
}
const usual = ['sh', 'env', 'cat', 'mktemp', 'mkdir', 'mv', 'rm', 'sleep']

describe.skipIf(!haveSshd)(`ways and homes ${withoutSshd}`, () => {
  let folder = ''
  let sshd: Sshd
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'appaloft-homes-'))
    await chmod(folder, 0o755)
    await link(join(folder, 'no-setsid'), usual)
    const bash = (text: string) => ({ shell: '/bin/bash', files: { '.bashrc': text } })
    sshd = await startSshd({
      users: {
        restricted: { shell: '/bin/rbash' },
        other: bash('exec /bin/dash'),
        asks: bash('read -r -t 1 answer </dev/tty; stty sane; tput setaf 1; echo "$answer"'),
        bare: bash(`PATH=${join(folder, 'no-setsid')}`),
      },
    })
  })
  afterAll(async () => {
    await sshd.close()
    await rm(folder, { recursive: true, force: true })
  })

  const config = async (...lines: string[]) => {
    const path = join(await mkdtemp(join(folder, 'config-')), 'config')
    await writeFile(path, `${lines.join('\n')}\n`)
    return path
  }
  const known = async (name: string, key: string) => {
    const path = join(await mkdtemp(join(folder, 'known-')), 'known_hosts')
    await writeFile(path, `${name} ${key}\n`)
    return path
  }

  it('runs commands where login files ask at a terminal', async () => {
    const host = closing(sshd.host('asks'))
    const result = await host.exec(['sh', '-c', 'cat; echo "$WORD"'], { env: { ...env, WORD: 'said' }, input: 'in ' })
    expect(result).toMatchObject({ exitCode: 0, stdout: 'in said\n' })
  })

  it('tells a restricted shell, another shell that login files put in its place, and a machine without setsid', async () => {
    const restricted = await failure(closing(sshd.host('restricted')).exec(['true']))
    expect(restricted).toMatchObject({ code: 'host-shell-unusable', details: { reason: 'shell-ended' } })
    const bare = await failure(closing(sshd.host('bare')).exec(['true'], { env }))
    expect(bare).toMatchObject({
      details: { reason: 'no-setsid' },
      recoveryHint: expect.stringContaining('util-linux'),
    })
    const other = await failure(closing(sshd.host('other', { connectTimeoutSeconds: 3 })).exec(['true']))
    expect(other).toMatchObject({ code: 'host-shell-unusable', details: { reason: 'shell-silent' } })
  })

  it('takes a key that only an agent has', async () => {
    const socket = join(folder, 'agent.sock')
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' })
    endsWithUs(agent)
    onTestFinished(() => void agent.kill())
    await expect.poll(() => existsSync(socket)).toBe(true)
    execFileSync('ssh-add', ['-q', sshd.identityFile], {
      env: { ...process.env, SSH_AUTH_SOCK: socket },
      stdio: 'pipe',
    })
    const { identityFile: _, ...options } = sshd.options()
    // No forwarding of the agent either, whatever the configuration says.
    const configFile = await config(`IdentityAgent ${socket}`, 'ForwardAgent yes')
    const host = closing(sshHost({ ...options, configFile }))
    expect(await host.exec(['echo', 'in'], { env })).toMatchObject({ stdout: 'in\n' })
    const own = new Set(descendants(sshd.pid).map((pid) => `agent.${pid}`))
    const agents = readdirSync('/tmp').flatMap((name) =>
      name.startsWith('ssh-') ? readdirSync(join('/tmp', name)) : [],
    )
    expect(agents.filter((name) => own.has(name))).toEqual([])
    const without = closing(
      sshHost({ ...options, configFile: await config('IdentityAgent none', 'IdentityFile none') }),
    )
    expect(await failure(without.exec(['true']))).toMatchObject({ code: 'host-login-refused' })
  })

  it('takes certificates, of the user and of the machine, and tells one that is over', async () => {
    const [ca, key, machine] = ['ca', 'certified', 'machine'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ]
    for (const one of [ca, key]) newKey(one)
    keygen('-t', 'ecdsa', '-N', '', '-f', machine)
    keygen('-s', ca, '-I', 'one', '-n', 'plain', `${key}.pub`)
    keygen('-s', ca, '-I', 'machine', '-h', '-n', '127.0.0.1', `${machine}.pub`)
    const own = await startSshd({
      config: [
        ...[`HostKey ${machine}`, `HostCertificate ${machine}-cert.pub`],
        ...[`TrustedUserCAKeys ${ca}.pub`, 'AuthorizedKeysFile none'],
      ],
    })
    onTestFinished(() => own.close())
    const authority = execFileSync('cat', [`${ca}.pub`], { encoding: 'utf8' }).trim()
    const options = { ...own.options(), identityFile: key, knownHosts: { keys: [`@cert-authority ${authority}`] } }
    expect(await closing(sshHost(options)).exec(['echo', 'in'], { env })).toMatchObject({ stdout: 'in\n' })
    keygen('-s', ca, '-I', 'one', '-n', 'plain', '-V', '20200101:20200102', `${key}.pub`)
    expect(await failure(closing(sshHost(options)).exec(['true']))).toMatchObject({ code: 'host-login-refused' })
    keygen('-s', ca, '-I', 'machine', '-h', '-n', 'another.example', `${machine}.pub`)
    await own.stop()
    await own.start()
    expect(await failure(closing(sshHost(options)).exec(['true']))).toMatchObject({ code: /host-key/ })
  })

  it('goes through a jump host, tells which of the two refuses, and leaves nobody behind when it is killed', async () => {
    const jump = await startSshd()
    onTestFinished(() => jump.close())
    const lines = (user: string, hosts: string) => [
      ...['Host inner', ' HostName 127.0.0.1', ` Port ${sshd.port}`, ' ProxyJump outer'],
      ...['Host outer', ' HostName 127.0.0.1', ` Port ${jump.port}`, ` User ${user}`],
      ...[` IdentityFile ${jump.identityFile}`, ` UserKnownHostsFile ${hosts}`],
    ]
    const hosts = await known(`[127.0.0.1]:${jump.port}`, jump.hostKey)
    const { port: _, ...rest } = sshd.options()
    const through = async (user: string, file: string) => ({
      ...rest,
      destination: 'plain@inner',
      configFile: await config(...lines(user, file)),
    })
    const host = closing(sshHost(await through('plain', hosts)))
    expect(await host.exec(['echo', 'through'], { env })).toMatchObject({ stdout: 'through\n' })
    expect(jump.log()).toContain('Accepted publickey for plain')
    const nobody = closing(sshHost(await through('nobody-here', hosts)))
    expect(await failure(nobody.exec(['true']))).toMatchObject({ code: 'host-login-refused' })
    const unknown = closing(sshHost(await through('plain', '/dev/null')))
    expect(await failure(unknown.exec(['true']))).toMatchObject({ code: 'host-key-unknown' })

    const seconds = nap()
    const program = `
      import { sshHost } from ${JSON.stringify(join(import.meta.dirname, '../dist/index.js'))}
      sshHost(${JSON.stringify(await through('plain', hosts))}).exec(['sleep', ${JSON.stringify(seconds)}], { env: ${JSON.stringify(env)} })`
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'inherit' })
    await expect.poll(() => living(`sleep\0${seconds}`).length, { timeout: 40_000 }).toBeGreaterThan(0)
    const left = () => readdirSync(tmpdir()).filter((name) => name.startsWith(`appaloft-ssh-${child.pid}-`))
    const [own = ''] = left()
    expect(own).not.toBe('')
    child.kill('SIGKILL')
    await gone(join(tmpdir(), own))
    await gone(seconds)
    // Its folder goes with the next who needs one.
    await closing(sshd.host()).exec(['true'], { env })
    expect(left()).toEqual([])
  })

  it('never asks: no passphrase, no unknown key, also where a program for asking is named', async () => {
    const asked = join(folder, 'asked')
    const askpass = join(folder, 'askpass')
    await writeFile(askpass, `#!/bin/sh\necho "$1" >>${asked}\necho yes\n`)
    await chmod(askpass, 0o755)
    const sealed = join(folder, 'sealed')
    await copyFile(sshd.identityFile, sealed)
    await chmod(sealed, 0o600)
    keygen('-p', '-P', '', '-N', 'passphrase', '-f', sealed)
    for (const [name, value] of Object.entries({ SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force', DISPLAY: ':9' }))
      vi.stubEnv(name, value)
    onTestFinished(() => void vi.unstubAllEnvs())
    const locked = closing(sshd.host('plain', { identityFile: sealed }))
    expect(await failure(locked.exec(['true']))).toMatchObject({ code: 'host-login-refused' })
    const { knownHosts: _, ...options } = sshd.options()
    const configFile = await config('StrictHostKeyChecking ask', 'UserKnownHostsFile /dev/null')
    expect(await failure(closing(sshHost({ ...options, configFile })).exec(['true']))).toMatchObject({
      code: 'host-key-unknown',
    })
    expect(existsSync(asked)).toBe(false)
  })

  it('is bent by nothing that a configuration asks for besides, and known_hosts need not be writable', async () => {
    const ran = join(folder, 'ran')
    const configFile = await config(
      ...['PermitLocalCommand yes', `LocalCommand touch ${ran}`, 'RemoteCommand date', 'RequestTTY force'],
      ...['ControlMaster auto', `ControlPath ${folder}/mine`, 'ControlPersist yes', 'ExitOnForwardFailure yes'],
      ...['LocalForward 1 localhost:1', 'RemoteForward 1 localhost:1', 'DynamicForward 1', 'ForwardX11 yes'],
      ...['SendEnv *', 'SetEnv LEAKED=1', 'VisualHostKey yes', 'LogLevel QUIET', 'EscapeChar ~'],
      `UserKnownHostsFile ${folder}/none/known_hosts`,
    )
    const host = closing(sshd.host('plain', { configFile, knownHosts: 'accept-new' }))
    const { stdout } = await host.exec(['env'], { env: { ...env, GIVEN: '~.' } })
    expect(stdout.trim().split('\n').sort()).toEqual(['GIVEN=~.', `PATH=${env.PATH}`])
    expect([existsSync(ran), existsSync(join(folder, 'mine'))]).toEqual([false, false])
  })
})
