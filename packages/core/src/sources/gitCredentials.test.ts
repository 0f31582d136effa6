import { execFileSync, spawnSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { GitCredential } from '../spec/credentials.js'
import { gitError } from './gitCommand.js'
import { gitAccess } from './gitCredentials.js'
import { parseGitUrl } from './gitUrl.js'

let home: string
beforeEach(async () => {
  home = join(await mkdtemp(join(tmpdir(), 'appaloft-access-')), "a b%d'$(x)")
  await mkdir(home, { recursive: true })
})
afterEach(() => rm(join(home, '..'), { recursive: true, force: true }))

const access = (url: string, credential: GitCredential | null) =>
  gitAccess(parseGitUrl(url), { git: () => credential }, home)
const base = { PATH: process.env.PATH, HOME: '/nonexistent', GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_NOSYSTEM: '1' }

describe('askpass', () => {
  // git's own question, as it would ask it before talking to the host.
  const ask = (env: Record<string, string>, host: string, protocol = 'https') =>
    spawnSync('git', ['credential', 'fill'], {
      env: { ...base, ...env },
      input: `protocol=${protocol}\nhost=${host}\n\n`,
      encoding: 'utf8',
    })

  it.each([
    ['plain', 'robot', 'git.example.com'],
    ['a port', 'robot', 'git.example.com:8443'],
    ['a name that is encoded in the question', 'a.b+c@d e%ü', 'git.example.com'],
    ['IPv6', 'robot', '[::1]:1'],
  ])('answers git: %s', async (_, username, host) => {
    const { env } = await access(`https://${host}/a`, { username, token: '$(id)`"\\ s3cret' })
    const { stdout } = ask(env, host)
    expect(stdout).toContain(`username=${username}\n`)
    expect(stdout).toContain('password=$(id)`"\\ s3cret\n')
  })

  it.each(['other.example.com', 'git.example.com.evil', 'evilgit.example.com', 'git.example.com:444'])(
    'tells another host nothing: %s',
    async (host) => {
      const { env } = await access('https://git.example.com/a', { token: 's3cret' })
      expect(ask(env, host)).toMatchObject({ stdout: '', status: 128 })
    },
  )

  it('tells nothing without encryption', async () => {
    const { env } = await access('https://git.example.com/a', { token: 's3cret' })
    expect(ask(env, 'git.example.com', 'http').stdout).toBe('')
  })

  it('holds no secret itself, and is private', async () => {
    await access('https://git.example.com/a', { token: 's3cret' })
    expect(await readFile(join(home, 'askpass'), 'utf8')).not.toContain('s3cret')
    expect((await stat(join(home, 'askpass'))).mode & 0o777).toBe(0o700)
  })
})

describe('ssh', () => {
  const call = async (env: Record<string, string>) => {
    const bin = join(home, 'bin')
    await mkdir(bin)
    await writeFile(join(bin, 'ssh'), '#!/bin/sh\npwd\nfor a in "$@"; do echo "$a"; done\n')
    await chmod(join(bin, 'ssh'), 0o755)
    return execFileSync(env.GIT_SSH!, ['-p', '22', 'git@host', "git-upload-pack 'a b'"], {
      env: { ...base, ...env, PATH: `${bin}:${base.PATH}` },
      encoding: 'utf8',
    }).split('\n')
  }

  it('gets a key in a private file, and hosts that are known', async () => {
    const { env, secrets } = await access('git@host:a', { privateKey: 'PRIVATE', knownHosts: 'host ssh-ed25519 x' })
    const argv = await call(env)
    expect(argv[0]).toBe(home)
    expect(argv.slice(-5)).toEqual(['-p', '22', 'git@host', "git-upload-pack 'a b'", ''])
    expect(argv.join(' ')).toContain('-o IdentitiesOnly=yes -o IdentityAgent=none -i ./key')
    expect(argv.join(' ')).toContain('-o StrictHostKeyChecking=yes -o UserKnownHostsFile=./known_hosts')
    expect(argv).toContain('BatchMode=yes')
    expect(await readFile(join(home, 'key'), 'utf8')).toBe('PRIVATE\n')
    expect((await stat(join(home, 'key'))).mode & 0o777).toBe(0o600)
    expect(JSON.stringify(env)).not.toContain('PRIVATE')
    expect(secrets).toEqual(['PRIVATE'])
  })

  it('uses the user’s own keys and agent without a credential', async () => {
    const argv = await call((await access('git@host:a', null)).env)
    expect(argv.join(' ')).not.toMatch(/IdentitiesOnly|-i|StrictHostKeyChecking/)
    expect(argv).toContain('BatchMode=yes')
  })
})

describe('gitError', () => {
  const error = (stderr: string) =>
    gitError(
      {
        remote: parseGitUrl('https://git.example.com/a'),
        access: { env: {}, secrets: ['s3cret-token'] },
        hide: ['/home/someone/state'],
      },
      stderr,
    )
  it.each([
    ["fatal: could not read Username for 'https://git.example.com': terminal prompts disabled", 'git-auth-failed'],
    [
      "remote: HTTP Basic: Access denied\nfatal: Authentication failed for 'https://git.example.com/a/'",
      'git-auth-failed',
    ],
    ["fatal: unable to access 'https://git.example.com/a/': The requested URL returned error: 403", 'git-auth-failed'],
    ['git@host: Permission denied (publickey).\nfatal: Could not read from remote repository.', 'git-auth-failed'],
    ['Host key verification failed.\nfatal: Could not read from remote repository.', 'git-auth-failed'],
    ["fatal: unable to access 'https://x/': Could not resolve host: x", 'git-host-unreachable'],
    ["fatal: unable to access 'https://x/': The requested URL returned error: 502", 'git-host-unreachable'],
    [
      'ssh: connect to host x port 22: Connection refused\nfatal: Could not read from remote repository.',
      'git-host-unreachable',
    ],
    ["fatal: unable to access 'https://x/': SSL certificate problem: self-signed certificate", 'git-host-unreachable'],
    ['fetch-pack: unexpected disconnect while reading sideband packet\nfatal: early EOF', 'git-host-unreachable'],
    ["fatal: couldn't find remote ref refs/heads/x", 'git-ref-not-found'],
    ['fatal: remote error: upload-pack: not our ref 1111', 'git-ref-not-found'],
    ["remote: Repository not found.\nfatal: repository 'https://git.example.com/a/' not found", 'source-unreadable'],
    ["fatal: '/x' does not appear to be a git repository", 'source-unreadable'],
    ["fatal: detected dubious ownership in repository at '/x'", 'source-unreadable'],
    ['fatal: write error: No space left on device', 'disk-full'],
    ['something else', 'source-unreadable'],
    ['', 'source-unreadable'],
  ])('%j is %s', (stderr, code) => {
    expect(error(stderr)).toMatchObject({ code, phase: 'detect' })
  })

  it('is not misled by words in the URL', () => {
    const remote = parseGitUrl('https://ssl.example.com/certificate/permission-denied')
    const stderr = `fatal: unable to access '${remote.url}/': The requested URL returned error: 403`
    expect(gitError({ remote, access: { env: {}, secrets: [] }, hide: [] }, stderr).code).toBe('git-auth-failed')
  })

  it('shows the last word of git, cleaned and bounded', () => {
    const { details } = error(
      `remote: evil\nfatal: first\nfatal: /home/someone/state/x s3cret-token ${'y'.repeat(1000)}`,
    )
    expect(details.git).toMatch(/^fatal: \[redacted\]\/x \[redacted\] y+$/)
    expect(String(details.git).length).toBe(500)
  })
})
