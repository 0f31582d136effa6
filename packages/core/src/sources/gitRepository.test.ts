import { execFileSync } from 'node:child_process'
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  realpath,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from '../engine/clock.js'
import type { Source } from '../spec/source.js'
import { discardCopies, openSource, type SourceContext } from './index.js'

type GitSource = Omit<Extract<Source, { kind: 'git-repository' }>, 'kind' | 'url'>

// Each test starts some dozens of git processes.
vi.setConfig({ testTimeout: 30_000 })

let base: string
let stateDir: string
let repository: string
let pathBefore: string | undefined
beforeEach(async () => {
  pathBefore = process.env.PATH
  base = await realpath(await mkdtemp(join(tmpdir(), 'appaloft-git-')))
  stateDir = join(base, 'state')
  repository = join(base, 'shop.git')
  await init()
})
afterEach(async () => {
  process.env.PATH = pathBefore
  await rm(base, { recursive: true, force: true })
})

const env = () => ({
  PATH: pathBefore,
  HOME: base,
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@localhost',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@localhost',
})
const git = (...args: string[]) =>
  execFileSync('git', args, { cwd: repository, env: env(), stdio: 'pipe' }).toString().trim()
const init = async (path = repository) => {
  await mkdir(path, { recursive: true })
  execFileSync('git', ['init', '-q', '-b', 'main', path], { env: env() })
}
const commit = async (files: Record<string, string>) => {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(repository, path)), { recursive: true })
    await writeFile(join(repository, path), text)
  }
  git('add', '-A')
  git('commit', '-q', '--allow-empty', '-m', 'x')
  return git('rev-parse', 'HEAD')
}
const open = (source: GitSource = {}, context: Partial<SourceContext> = {}, url = repository) =>
  openSource(
    { kind: 'git-repository', url, ...source },
    { stateDir, clock: systemClock(), signal: AbortSignal.timeout(30_000), ...context },
  )
const failure = (opening: Promise<unknown>) =>
  opening.then(
    () => expect.unreachable('it was accepted'),
    (error) => error,
  )
/** A program in front of git that writes down how it is called. */
const spyOnGit = async (options = '') => {
  const bin = join(base, 'bin')
  await mkdir(bin)
  const real = execFileSync('/bin/sh', ['-c', 'command -v git']).toString().trim()
  await writeFile(
    join(bin, 'git'),
    `#!/bin/sh\nfor a in "$@"; do printf '%s\\n' "$a"; done >> '${base}/argv'\nenv >> '${base}/env'\nexec ${real} ${options} "$@"\n`,
  )
  await chmod(join(bin, 'git'), 0o755)
  process.env.PATH = `${bin}:${pathBefore}`
}

describe('git repositories', () => {
  it('are pinned to the commit of the default branch', async () => {
    const sha = await commit({ 'a.js': 'one', 'b/c.sh': 'x' })
    const source = await open()
    expect(source.identity).toMatchObject({
      kind: 'git-repository',
      gitRef: 'main',
      commitSha: sha,
      name: 'shop',
      baseDirectory: '.',
      files: 2,
      bytes: 4,
    })
    expect(JSON.stringify(source.identity)).not.toContain(base)
    expect(await source.tree.readText('a.js')).toBe('one')
    const copy = await source.materialise({ signal: AbortSignal.timeout(10_000) })
    await commit({ 'a.js': 'two' })
    expect(await readFile(join(copy, 'a.js'), 'utf8')).toBe('one')
    expect(await readdir(copy)).toEqual(['a.js', 'b'])
  })

  it('give a branch, a tag, an annotated tag, a full name and a commit', async () => {
    const one = await commit({ 'a.js': 'one' })
    git('tag', 'light')
    git('tag', '-a', 'heavy', '-m', 'x')
    git('checkout', '-q', '-b', 'feature/x')
    const two = await commit({ 'a.js': 'two' })
    git('checkout', '-q', 'main')
    const of = async (source: GitSource, context: Partial<SourceContext> = {}) => (await open(source, context)).identity
    expect(await of({ gitRef: 'light' })).toMatchObject({ commitSha: one, gitRef: 'light' })
    expect(await of({ gitRef: 'heavy' })).toMatchObject({ commitSha: one, gitRef: 'heavy' })
    expect(await of({ gitRef: 'feature/x' })).toMatchObject({ commitSha: two, gitRef: 'feature/x' })
    expect(await of({ gitRef: 'refs/heads/feature/x' })).toMatchObject({ commitSha: two, gitRef: 'feature/x' })
    expect(await of({ gitRef: two })).toMatchObject({ commitSha: two })
    expect(await of({ commitSha: two })).toMatchObject({ commitSha: two })
    expect(await of({ gitRef: 'main', commitSha: two })).toMatchObject({ commitSha: two, gitRef: 'main' })
    expect(await of({ gitRef: 'main' }, { gitRef: 'feature/x' })).toMatchObject({ commitSha: two })
    expect(await of({ commitSha: one }, { gitRef: 'feature/x' })).toMatchObject({ commitSha: two })
    expect(await of({ gitRef: 'feature/x' }, { commitSha: one })).toMatchObject({ commitSha: one })
  })

  it('a commit that no branch ends at, and one that is in none any more', async () => {
    const one = await commit({ 'a.js': 'one' })
    await commit({ 'a.js': 'two' })
    expect(await (await open({ commitSha: one })).tree.readText('a.js')).toBe('one')
    git('checkout', '-q', '--detach')
    const lost = await commit({ 'a.js': 'lost' })
    git('checkout', '-q', 'main')
    expect(await (await open({ commitSha: lost })).tree.readText('a.js')).toBe('lost')
  })

  it('a commit of an old server, which gives only what a ref names', async () => {
    const one = await commit({ 'a.js': 'one' })
    await commit({ 'a.js': 'two' })
    await spyOnGit('-c protocol.version=0')
    expect(await (await open({ commitSha: one })).tree.readText('a.js')).toBe('one')
    expect(await readFile(join(base, 'argv'), 'utf8')).toContain('refs/heads/*:refs/appaloft/heads/*')
    expect(await failure(open({ commitSha: '1'.repeat(40) }))).toMatchObject({ code: 'git-ref-not-found' })
  })

  it('say what does not exist', async () => {
    await commit({ 'a.js': 'one' })
    expect(await failure(open({ gitRef: 'nope' }))).toMatchObject({ code: 'git-ref-not-found', phase: 'detect' })
    expect(await failure(open({ gitRef: 'mai' }))).toMatchObject({ code: 'git-ref-not-found' })
    expect(await failure(open({ commitSha: '1'.repeat(40) }))).toMatchObject({ code: 'git-ref-not-found' })
    expect((await failure(open({ gitRef: 'abcdef1' }))).recoveryHint).toContain('in full')
    await init(join(base, 'empty'))
    expect(await failure(open({}, {}, join(base, 'empty')))).toMatchObject({ code: 'git-ref-not-found' })
    const nowhere = await failure(open({}, {}, join(base, 'nowhere')))
    expect(nowhere).toMatchObject({ code: 'source-unreadable' })
    expect(JSON.stringify(nowhere) + nowhere.message).not.toContain(base)
    expect(await readdir(join(stateDir, 'git'))).toEqual([])
  })

  it('are read again without the network where the commit is given, and with one question where a ref is', async () => {
    const sha = await commit({ 'a.js': 'one' })
    const first = await open()
    await spyOnGit()
    expect((await open()).identity).toEqual(first.identity)
    expect(await readFile(join(base, 'argv'), 'utf8')).not.toMatch(/^fetch$/m)
    await rm(repository, { recursive: true })
    expect((await open({ commitSha: sha })).identity).toMatchObject({ digest: first.identity.digest, commitSha: sha })
  })

  it('are not read through the commit of another repository', async () => {
    const sha = await commit({ 'a.js': 'private' })
    await open()
    const other = join(base, 'other')
    await init(other)
    expect(await failure(open({ commitSha: sha }, {}, other))).toMatchObject({ code: 'git-ref-not-found' })
  })

  it('fetch only what is new, from the cache’s packs, and mend a broken cache', async () => {
    await commit({ 'big.bin': Array.from({ length: 20_000 }, (_, i) => (i * 7919) % 10_007).join() })
    await open()
    await commit({ 'a.js': 'two' })
    const second = await open()
    const [cache] = await readdir(join(stateDir, 'git'))
    const packs = (await readdir(join(stateDir, 'git', cache!, 'objects', 'pack'))).filter((name) =>
      name.endsWith('.pack'),
    )
    const sizes = await Promise.all(
      packs.map(async (name) => (await stat(join(stateDir, 'git', cache!, 'objects', 'pack', name))).size),
    )
    expect(packs).toHaveLength(2)
    expect(Math.min(...sizes)).toBeLessThan(1000)
    expect(second.identity.files).toBe(2)
    for (const name of packs) {
      await chmod(join(stateDir, 'git', cache!, 'objects', 'pack', name), 0o600)
      await writeFile(join(stateDir, 'git', cache!, 'objects', 'pack', name), 'junk')
    }
    await commit({ 'a.js': 'three' })
    expect(await (await open()).tree.readText('a.js')).toBe('three')
  })

  it('work for many at once on one cache', async () => {
    await commit({ 'a.js': 'one' })
    const opened = await Promise.all(Array.from({ length: 4 }, () => open()))
    expect(new Set(opened.map((source) => source.identity.digest)).size).toBe(1)
    await commit({ 'a.js': 'two' })
    await Promise.all(Array.from({ length: 4 }, () => open()))
    const left = await readdir(join(stateDir, 'git'))
    expect(left).toHaveLength(1)
  })

  it('are fetched again where the copy was discarded', async () => {
    await commit({ 'a.js': 'one' })
    const source = await open()
    await rm(join(stateDir, 'sources', source.identity.digest), { recursive: true })
    const copy = await source.materialise({ signal: AbortSignal.timeout(10_000) })
    expect(await readFile(join(copy, 'a.js'), 'utf8')).toBe('one')
    await discardCopies(stateDir, new Set())
    expect(await readdir(join(stateDir, 'sources'))).toEqual([source.identity.digest])
  })

  it('end with the reason of the signal, at once, and leave nothing', async () => {
    await commit({ 'a.js': 'one' })
    const bin = join(base, 'bin')
    await mkdir(bin)
    // A git whose child hangs: both must be gone.
    await writeFile(join(bin, 'git'), `#!/bin/sh\nsleep 300 &\necho $! > '${base}/child'\nwait\n`)
    await chmod(join(bin, 'git'), 0o755)
    process.env.PATH = `${bin}:${pathBefore}`
    const abort = new AbortController()
    const opening = open({}, { signal: abort.signal })
    let child = ''
    while (child === '') {
      await new Promise((resolve) => setTimeout(resolve, 20))
      child = await readFile(join(base, 'child'), 'utf8').catch(() => '')
    }
    const reason = new Error('enough')
    abort.abort(reason)
    await expect(opening).rejects.toBe(reason)
    for (let i = 0; i < 100; i++) {
      const state = await readFile(`/proc/${child.trim()}/stat`, 'utf8').catch(() => ') Z ')
      if (/\) Z /.test(state)) break
      await new Promise((resolve) => setTimeout(resolve, 20))
      expect(i).toBeLessThan(99)
    }
    expect(await readdir(join(stateDir, 'git'))).toEqual([])
    expect((await readdir(join(stateDir, 'sources')).catch(() => [])).length).toBe(0)
  })

  it('need git', async () => {
    process.env.PATH = join(base, 'empty-bin')
    expect(await failure(open())).toMatchObject({ code: 'source-unreadable', details: { command: 'git' } })
  })
})

describe('hostile repositories', () => {
  it('run nothing: hooks, filters, file system monitors, attributes, configuration', async () => {
    const run = `touch ${base}/pwned`
    await commit({
      '.gitattributes': '* filter=evil diff=evil\n',
      'a.js': 'one',
      '.gitconfig': `[core]\n\tfsmonitor = ${run}\n`,
    })
    for (const hook of ['post-checkout', 'post-index-change', 'reference-transaction', 'post-merge', 'pre-auto-gc']) {
      await writeFile(join(repository, '.git', 'hooks', hook), `#!/bin/sh\n${run}\n`, { mode: 0o755 })
    }
    git('config', 'filter.evil.smudge', run)
    git('config', 'core.fsmonitor', run)
    git('config', 'core.sshCommand', run)
    git('config', 'uploadpack.packObjectsHook', run)
    await writeFile(
      join(base, '.gitconfig'),
      `[core]\n\thooksPath = ${repository}/.git/hooks\n[filter "evil"]\n\tsmudge = ${run}\n`,
    )
    const home = process.env.HOME
    process.env.HOME = base
    try {
      expect(await (await open()).tree.readText('a.js')).toBe('one')
    } finally {
      process.env.HOME = home
    }
    expect(await readdir(base)).not.toContain('pwned')
  })

  it('are not searched for programs, whatever PATH says', async () => {
    await commit({ '.gitattributes': 'z.js filter=lfs\n', 'a.js': 'one', 'z.js': 'last' })
    for (const name of ['git', 'git-lfs', 'sh']) {
      await writeFile(join(repository, name), `#!/bin/sh\ntouch ${base}/pwned\n`, { mode: 0o755 })
    }
    await commit({})
    const bin = join(base, 'bin')
    await mkdir(bin)
    await writeFile(join(bin, 'git-lfs'), '#!/bin/sh\n[ "$1" = version ] || cat\n', { mode: 0o755 })
    process.env.PATH = `.::${bin}:${pathBefore}`
    expect(await (await open({ lfs: true })).tree.readText('z.js')).toBe('last')
    expect(await readdir(base)).not.toContain('pwned')
  })

  it('give no options by URL or ref', async () => {
    await commit({ 'a.js': 'one' })
    const run = `touch ${base}/pwned`
    for (const url of [
      `--upload-pack=${run}`,
      `ext::sh -c "${run}"`,
      `-oProxyCommand=${run}`,
      `ssh://-oProxyCommand=${run}/x`,
    ]) {
      expect(await failure(open({}, {}, url))).toMatchObject({ code: 'source-unreadable' })
    }
    for (const gitRef of [`--upload-pack=${run}`, '-x', 'main:refs/heads/x', '+main', '^main']) {
      expect(await failure(open({ gitRef }))).toMatchObject({ code: 'git-ref-not-found' })
    }
    expect(await readdir(base)).toEqual(['shop.git'])
  })

  it.each(['a b', '$(touch pwned)', ';touch pwned', "it's", '"q"', 'ü', 'with:colon', 'new.git'])(
    'may have any path: %s',
    async (name) => {
      repository = join(base, name)
      await init()
      await commit({ 'a.js': 'one', [`d/${name}`]: name, 'd/new\nline': 'x' })
      git('branch', '$(id)')
      const source = await open({ gitRef: '$(id)' })
      expect(await source.tree.readText(`d/${name}`)).toBe(name)
      expect(await source.tree.readText('d/new\nline')).toBe('x')
      expect(
        await (await open({}, {}, `file://${encodeURI(repository).replaceAll('?', '%3F')}`)).tree.has('a.js'),
      ).toBe(true)
    },
  )

  it('may hold links inside and none that lead out', async () => {
    await commit({ 'd/a.js': 'one' })
    await symlink('d/a.js', join(repository, 'in'))
    await commit({})
    const source = await open()
    const copy = await source.materialise({ signal: AbortSignal.timeout(10_000) })
    expect(await readlink(join(copy, 'in'))).toBe('d/a.js')
    await symlink('../../../../etc/passwd', join(repository, 'd', 'out'))
    await commit({})
    const error = await failure(open())
    expect(error).toMatchObject({ code: 'source-unreadable', details: { path: 'd/out' } })
    expect(await readdir(join(stateDir, 'sources'))).toEqual([source.identity.digest])
  })

  it('may not hold more entries than the limit, whatever the size of the repository', async () => {
    // 10 trees of 10 entries, each the one below: 10^10 files out of a few hundred bytes.
    const blob = execFileSync('git', ['hash-object', '-w', '--stdin'], { cwd: repository, env: env(), input: 'x' })
      .toString()
      .trim()
    let entry = `100644 blob ${blob}`
    for (let i = 0; i < 10; i++) {
      const input = Array.from({ length: 10 }, (_, n) => `${entry}\t${n}\n`).join('')
      const tree = execFileSync('git', ['mktree'], { cwd: repository, env: env(), input }).toString().trim()
      entry = `040000 tree ${tree}`
    }
    git('update-ref', 'refs/heads/main', git('commit-tree', '-m', 'x', entry.split(' ')[2]!))
    expect((await failure(open())).message).toContain('more than 200000 entries')
  }, 60_000)
})

describe('credentials', () => {
  it('are refused in a URL and asked of the hook, at each use', async () => {
    const asked: string[] = []
    const credentials = {
      git: (url: string) => {
        asked.push(url)
        return { token: 's3cret-token' }
      },
    }
    const url = 'https://127.0.0.1:9/a/b.git'
    const error = await failure(open({}, { credentials }, url))
    expect(error).toMatchObject({ code: 'git-host-unreachable', retriable: true })
    await failure(open({}, { credentials }, url))
    expect(asked).toEqual([url, url])
    expect(await failure(open({}, { credentials }, 'https://u:p@127.0.0.1:9/a'))).toMatchObject({
      code: 'credentials-in-url',
    })
    expect(await readdir(join(stateDir, 'git'))).toEqual([])
  })

  it('never stand in argv, and in the environment of git alone', async () => {
    await spyOnGit()
    const credentials = { git: () => ({ username: 'robot', token: 's3cret-token' }) }
    await failure(open({}, { credentials }, 'https://127.0.0.1:9/a/b.git'))
    expect(await readFile(join(base, 'argv'), 'utf8')).not.toContain('s3cret')
    expect(await readFile(join(base, 'env'), 'utf8')).toContain('s3cret-token')
    expect(JSON.stringify(process.env)).not.toContain('s3cret')
  })

  it('must fit', async () => {
    const unfit = (credential: object, url: string) =>
      failure(open({}, { credentials: { git: () => credential as { token: string } } }, url))
    for (const [credential, url] of [
      [{ privateKey: 'x' }, 'https://127.0.0.1:9/a'],
      [{ token: 'x' }, 'git@127.0.0.1:a'],
      [{ token: 'a\nb' }, 'https://127.0.0.1:9/a'],
      [{ token: '' }, 'https://127.0.0.1:9/a'],
    ] as const) {
      const error = await unfit(credential, url)
      expect(error).toMatchObject({ code: 'git-auth-failed' })
    }
  })
})

describe('submodules', () => {
  it('are empty folders by default, and files by option', async () => {
    const outer = repository
    repository = join(base, 'inner')
    await init()
    const inner = await commit({ 'in.js': 'inner' })
    repository = outer
    await commit({ 'a.js': 'one', '.gitmodules': '[submodule "x"]\n\tpath = lib/x\n\turl = ../inner\n' })
    git('update-index', '--add', '--cacheinfo', `160000,${inner},lib/x`)
    git('commit', '-q', '-m', 'x')
    const without = await open()
    expect(await without.tree.list('lib/x')).toEqual([])
    const including = await open({ submodules: true })
    expect(await including.tree.readText('lib/x/in.js')).toBe('inner')
    expect(including.identity.commitSha).toBe(without.identity.commitSha)
    expect(including.identity.digest).not.toBe(without.identity.digest)
  })

  it.each([
    ['another transport', '[submodule "x"]\n\tpath = x\n\turl = ext::sh -c id\n'],
    ['an option', '[submodule "x"]\n\tpath = x\n\turl = --upload-pack=id\n'],
    ['no commit', '[submodule "x"]\n\tpath = x\n\turl = ./\n'],
    ['no valid file', '[submodule "x\n'],
  ])('with %s are refused', async (_, text) => {
    await commit({ '.gitmodules': text })
    git('update-index', '--add', '--cacheinfo', `160000,${'1'.repeat(40)},x`)
    git('commit', '-q', '-m', 'x')
    expect((await failure(open({ submodules: true }))).code).toMatch(/source-unreadable|git-ref-not-found/)
  })
})

describe('git LFS', () => {
  const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n'
  it('is not run unless it is asked for', async () => {
    await commit({ '.gitattributes': '*.bin filter=lfs\n', 'a.bin': pointer })
    const bin = join(base, 'bin')
    await mkdir(bin)
    await writeFile(
      join(bin, 'git-lfs'),
      `#!/bin/sh\necho "$1" >> '${base}/lfs'\n[ "$1" = smudge ] && printf big\nexit 0\n`,
    )
    await chmod(join(bin, 'git-lfs'), 0o755)
    process.env.PATH = `${bin}:${pathBefore}`
    expect(await (await open()).tree.readText('a.bin')).toBe(pointer)
    expect(await readdir(base)).not.toContain('lfs')
    expect(await (await open({ lfs: true })).tree.readText('a.bin')).toBe('big')
    expect(await readFile(join(base, 'lfs'), 'utf8')).toContain('smudge')
  })

  it('must be installed', async () => {
    await commit({ 'a.js': 'one' })
    const bin = join(base, 'bin')
    await mkdir(bin)
    await symlink(execFileSync('/bin/sh', ['-c', 'command -v git']).toString().trim(), join(bin, 'git'))
    await symlink('/bin/sh', join(bin, 'sh'))
    process.env.PATH = bin
    expect(await failure(open({ lfs: true }))).toMatchObject({ details: { command: 'git-lfs' } })
  })
})
