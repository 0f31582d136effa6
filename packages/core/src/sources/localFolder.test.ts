import { execFileSync } from 'node:child_process'
import {
  appendFile,
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../engine/clock.js'
import { type OpenedSource, openSource } from './index.js'

let base: string
let folder: string
let stateDir: string
beforeEach(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'appaloft-sources-')))
  folder = join(base, 'app')
  stateDir = join(base, 'state')
  await mkdir(folder)
})
afterEach(() => rm(base, { recursive: true, force: true }))

const put = async (path: string, text = path, mode = 0o644) => {
  await mkdir(dirname(join(folder, path)), { recursive: true })
  await writeFile(join(folder, path), text, { mode })
}
const signal = () => AbortSignal.timeout(20_000)
const openFolder = (path = folder): Promise<OpenedSource> =>
  openSource({ kind: 'local-folder', path }, { stateDir, clock: systemClock(), signal: signal() })
const files = async (source: OpenedSource, directory = '.'): Promise<string[]> => {
  const paths: string[] = []
  for (const entry of await source.tree.list(directory)) {
    const path = directory === '.' ? entry.name : `${directory}/${entry.name}`
    if (entry.type === 'directory') paths.push(`${path}/`, ...(await files(source, path)))
    else paths.push(path)
  }
  return paths
}
const refused = async (opening: Promise<unknown>) => {
  const error = await opening.then(
    () => expect.unreachable('it was accepted'),
    (reason) => reason,
  )
  expect(error).toMatchObject({ code: 'source-unreadable', phase: 'detect' })
  expect(error.message).not.toContain(base)
  return error.message as string
}

describe('identity of a local folder', () => {
  it('is the same for the same content, wherever and in whatever order it was written', async () => {
    await put('b/c.js', 'x')
    await put('a.js', 'y')
    const first = await openFolder()
    expect(first.identity).toMatchObject({ kind: 'local-folder', name: 'app', baseDirectory: '.', files: 2, bytes: 2 })
    expect(first.identity.digest).toMatch(/^[0-9a-f]{64}$/)
    expect(JSON.stringify(first.identity)).not.toContain(base)
    folder = join(base, 'other')
    await put('a.js', 'y')
    await put('b/c.js', 'x')
    expect((await openFolder()).identity.digest).toBe(first.identity.digest)
  })

  it.each<[string, () => Promise<unknown>]>([
    ['content', () => put('a.js', 'other')],
    ['a name', () => rename(join(folder, 'a.js'), join(folder, 'b.js'))],
    ['the executable bit', () => chmod(join(folder, 'a.js'), 0o755)],
    ['a new file', () => put('new')],
    ['a new empty folder', () => mkdir(join(folder, 'empty'))],
    ['a link', () => symlink('a.js', join(folder, 'link'))],
    ['a removed file', () => rm(join(folder, 'a.js'))],
  ])('changes with %s', async (_, change) => {
    await put('a.js', 'first')
    const before = (await openFolder()).identity.digest
    await change()
    expect((await openFolder()).identity.digest).not.toBe(before)
  })

  it('does not change with times, owners’ modes and ignored files', async () => {
    await put('a.js')
    await put('.gitignore', '*.tmp\n')
    const before = (await openFolder()).identity.digest
    await utimes(join(folder, 'a.js'), 1, 1)
    await chmod(join(folder, 'a.js'), 0o600)
    await put('x.tmp')
    await put('node_modules/x/index.js')
    await put('.git/config')
    expect((await openFolder()).identity.digest).toBe(before)
  })

  it('sees a change of the same size within the same second', async () => {
    await put('a.js', '1')
    const before = (await openFolder()).identity.digest
    await put('a.js', '2')
    expect((await openFolder()).identity.digest).not.toBe(before)
  })
})

describe('stat cache', () => {
  it('spares reading unchanged files, lies outside the folder, and is left when it is broken', async () => {
    await put('a.js', 'real')
    const past = new Date(Date.now() - 60_000)
    await utimes(join(folder, 'a.js'), past, past)
    // Only what did not change for a while is remembered.
    await new Promise((resolve) => setTimeout(resolve, 2100))
    const { digest } = (await openFolder()).identity
    const [name] = await readdir(join(stateDir, 'cache', 'stat'))
    const file = join(stateDir, 'cache', 'stat', name!)
    const text = await readFile(file, 'utf8')
    const forged = text.replace(/[0-9a-f]{64}/, '0'.repeat(64))
    expect(forged).not.toBe(text)
    await writeFile(file, forged)
    expect((await openFolder()).identity.digest).not.toBe(digest)
    await writeFile(file, '{"version":1,"files":')
    expect((await openFolder()).identity.digest).toBe(digest)
    await appendFile(join(folder, 'a.js'), '!')
    expect((await openFolder()).identity.digest).not.toBe(digest)
    expect(await readdir(folder)).toEqual(['a.js'])
  })

  it('does not remember what was written just now', async () => {
    await put('a.js')
    await openFolder()
    expect(await readdir(join(stateDir, 'cache', 'stat')).catch(() => [])).toEqual([])
  })

  it('may be impossible to write', async () => {
    await put('a.js')
    await writeFile(stateDir, 'a file where the state folder should be')
    expect((await openFolder()).identity.files).toBe(1)
  })
})

describe('ignored files', () => {
  it('follow .gitignore as git does, nested ones included', async () => {
    await put('.gitignore', '# comment\n*.log\n!keep.log\n/root-only\nbuild/\n*\\ \ndeep/**/x\n')
    await put('sub/.gitignore', '!special.log\nlocal\n!build/\n')
    for (const path of [
      'a.js',
      'a.log',
      'keep.log',
      'root-only',
      'sub/root-only',
      'build/x',
      'sub/build/x',
      'sub/special.log',
      'special.log',
      'sub/local',
      'local',
      'deep/a/b/x',
      'deep/a/y',
      'trailing ',
      'a/build',
      'ü.log',
      'x\ny.log',
      'A.LOG',
    ])
      await put(path)
    const source = await openFolder()
    const seen = (await files(source)).filter((path) => !path.endsWith('/')).sort()
    execFileSync('git', ['init', '-q'], { cwd: folder })
    const git = execFileSync(
      'git',
      ['-c', 'core.excludesFile=/dev/null', 'ls-files', '-o', '--exclude-standard', '-z'],
      { cwd: folder },
    )
    expect(seen).toEqual(git.toString().split('\0').filter(Boolean).sort())
    expect(seen).toContain('sub/special.log')
    expect(seen).not.toContain('special.log')
  })

  it('keep folders under “everything but folders and …”', async () => {
    await put('.gitignore', '*\n!*/\n!*.js\n')
    await put('a/b.js')
    await put('a/b.ts')
    expect(await files(await openFolder())).toEqual(['a/', 'a/b.js'])
  })

  it('can be brought back by .appaloftignore, and more can be left out', async () => {
    await put('.gitignore', 'dist/\n')
    await put('.appaloftignore', '!dist/\n*.mp4\nnode_modules/\n!node_modules/\n')
    for (const path of ['dist/index.html', 'film.mp4', 'node_modules/x', 'a/node_modules/x']) await put(path)
    expect(await files(await openFolder())).toEqual(['.appaloftignore', '.gitignore', 'a/', 'dist/', 'dist/index.html'])
  })

  it('include the state folder where it lies inside', async () => {
    stateDir = join(folder, 'state')
    await put('a.js')
    await put('state/store.db')
    const source = await openFolder()
    expect(await files(source)).toEqual(['a.js'])
    const copy = await source.materialise({ signal: signal() })
    expect(await readdir(copy)).toEqual(['a.js'])
    expect((await openFolder()).identity.digest).toBe(source.identity.digest)
    expect(await refused(openFolder(stateDir))).toContain('state folder')
  })

  it('may be anything at all', async () => {
    await put('.gitignore', 'secret\npipe\n')
    await symlink('/etc/passwd', join(folder, 'secret'))
    execFileSync('mkfifo', [join(folder, 'pipe')])
    expect(await files(await openFolder())).toEqual(['.gitignore'])
  })
})

describe('hostile folders', () => {
  it('are told when they are not there, or not folders', async () => {
    expect(await refused(openFolder(join(base, 'nowhere')))).toContain('"nowhere"')
    await put('a.js')
    expect(await refused(openFolder(join(folder, 'a.js')))).toContain('not a folder')
    expect(await refused(openFolder(join(folder, 'a.js', 'b')))).toContain('"b"')
  })

  it.each([
    ['absolute', '/etc/passwd'],
    ['upwards', '../../../etc'],
    ['through another link', 'inner/../../secret'],
    ['into a sibling with the same beginning', '../../app-secret'],
    ['out and back by its own name', '../../app/deep'],
  ])('a link out is an error that names it: %s', async (_, target) => {
    await put('deep/er/x')
    await symlink('deep/er', join(folder, 'inner'))
    await mkdir(join(folder, 'links'))
    await symlink(target.replace('inner/', '../inner/../'), join(folder, 'links', 'bad'))
    expect(await refused(openFolder())).toContain('"links/bad"')
  })

  it('links inside are kept, absolute ones made relative, circles harmless', async () => {
    await put('real/a.txt', 'hello')
    await symlink('real/a.txt', join(folder, 'one'))
    await symlink(join(folder, 'real'), join(folder, 'real', 'two'))
    await symlink('loop', join(folder, 'loop'))
    await symlink('nothing/here', join(folder, 'dangling'))
    const source = await openFolder()
    expect(await source.tree.readText('one')).toBe('hello')
    expect(await source.tree.readText('real/two/two/a.txt')).toBe('hello')
    expect(await source.tree.has('loop')).toBe(false)
    expect(await source.tree.has('dangling')).toBe(false)
    const copy = await source.materialise({ signal: signal() })
    expect(await readlink(join(copy, 'one'))).toBe('real/a.txt')
    expect(await realpath(join(copy, 'real', 'two'))).toBe(join(await realpath(copy), 'real'))
  })

  it('may itself be named through a link', async () => {
    await put('a.js')
    const plain = (await openFolder()).identity
    await symlink(folder, join(base, 'alias'))
    const source = await openFolder(join(base, 'alias'))
    expect(source.identity).toEqual({ ...plain, name: 'alias' })
    await symlink(join(base, 'alias', 'a.js'), join(folder, 'b.js'))
    expect(await (await openFolder(join(base, 'alias'))).tree.readText('b.js')).toBe('a.js')
  })

  it('may be named relative to the working directory', async () => {
    await put('a.js')
    expect((await openFolder(relative(process.cwd(), folder))).identity).toEqual((await openFolder()).identity)
  })

  it('a named pipe does not hang', async () => {
    execFileSync('mkfifo', [join(folder, 'pi\npe')])
    expect(await refused(openFolder())).toMatch(/"pi\\npe" is a named pipe/)
  })

  it('a socket is refused', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(join(folder, 'sock'), resolve))
    expect(await refused(openFolder())).toContain('"sock" is a socket')
    await new Promise((resolve) => server.close(resolve))
  })

  it('a pipe in place of an ignore file does not hang', async () => {
    execFileSync('mkfifo', [join(folder, '.gitignore')])
    expect(await refused(openFolder())).toContain('".gitignore" is a named pipe')
  })

  it('more than the limit is refused at once, without being read', async () => {
    await put('big.bin')
    await truncate(join(folder, 'big.bin'), 3 * 1024 ** 3)
    const start = performance.now()
    expect(await refused(openFolder())).toMatch(/larger than 2 GiB: "big\.bin" alone has 3 GiB/)
    expect(performance.now() - start).toBeLessThan(2000)
  })

  it('the largest file is named also where a small one was too much', async () => {
    await put('big.bin')
    await truncate(join(folder, 'big.bin'), 2 * 1024 ** 3)
    for (const name of ['a', 'z']) await put(name)
    expect(await refused(openFolder())).toMatch(/"big\.bin" alone has 2 GiB/)
  })

  it.each<[cause: string, hint: RegExp, () => Promise<unknown>]>([
    ['absent', /path exists/, () => rm(folder, { recursive: true })],
    ['not-a-source', /Name a folder/, () => rm(folder, { recursive: true }).then(() => writeFile(folder, ''))],
    ['link-outside', /the link/, () => symlink('/etc/passwd', join(folder, 'link'))],
    ['special-file', /Remove it/, async () => execFileSync('mkfifo', [join(folder, 'pipe')])],
    ['too-large', /Take out/, () => put('big').then(() => truncate(join(folder, 'big'), 3 * 1024 ** 3))],
  ])('tell their cause and what helps: %s', async (cause, recoveryHint, make) => {
    await put('a.js')
    await make()
    await expect(openFolder()).rejects.toMatchObject({
      code: 'source-unreadable',
      details: { cause },
      recoveryHint: expect.stringMatching(recoveryHint),
    })
  })

  it('any name works', async () => {
    const names = [
      '$(touch pwned)',
      '`id`',
      ';rm -rf x',
      'a b',
      "it's",
      '"q"',
      'new\nline',
      '-rf',
      '日本語',
      'e\u0301',
      '😀',
      '*',
      '\\',
      '[id]',
      '#x',
      '!y',
    ]
    for (const name of names) await put(`d/${name}`, name)
    const source = await openFolder()
    expect((await source.tree.list('d')).map((entry) => entry.name)).toEqual([...names].sort())
    for (const name of names) expect(await source.tree.readText(`d/${name}`)).toBe(name)
    const copy = await source.materialise({ signal: signal() })
    expect((await readdir(join(copy, 'd'))).sort()).toEqual([...names].sort())
    for (const name of names) expect(await readFile(join(copy, 'd', name), 'utf8')).toBe(name)
    expect(await readdir(base)).toEqual(['app', 'state'])
  })

  it('a name that is not UTF-8 is an error', async () => {
    await writeFile(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0x61, 0xff])]), 'x')
    expect(await refused(openFolder())).toContain('not valid UTF-8')
  })

  it('an aborted signal ends the call with its reason', async () => {
    await put('a.js')
    const reason = new Error('enough')
    const opening = openSource(
      { kind: 'local-folder', path: folder },
      { stateDir, clock: systemClock(), signal: AbortSignal.abort(reason) },
    )
    await expect(opening).rejects.toBe(reason)
  })
})

describe('tree', () => {
  it('shows what the copy will hold, and nothing outside', async () => {
    await put('.gitignore', '.env\n')
    await put('.env', 'SECRET=1')
    await put('src/a.js', '\uFEFFtext')
    await writeFile(join(base, 'outside.txt'), 'no')
    const { tree } = await openFolder()
    expect(await tree.has('src/a.js')).toBe(true)
    expect(await tree.has('src')).toBe(false)
    expect(await tree.has('src/')).toBe(true)
    expect(await tree.has('./')).toBe(true)
    expect(await tree.has('src/a.js/')).toBe(false)
    expect(await tree.has('.env')).toBe(false)
    expect(await tree.readText('.env')).toBeNull()
    expect(await tree.readText('src/a.js')).toBe('text')
    expect(await tree.readText('src')).toBeNull()
    for (const path of ['../outside.txt', 'src/../../outside.txt', join(base, 'outside.txt'), '/etc/passwd', '..']) {
      expect(await tree.has(path)).toBe(false)
      expect(await tree.readText(path)).toBeNull()
      expect(await tree.list(path)).toEqual([])
    }
    expect(await tree.readText('src/../src/a.js')).toBe('text')
    expect(await tree.list('src')).toEqual([{ name: 'a.js', type: 'file', size: 7 }])
    expect(await tree.glob('**/*.js')).toEqual(['src/a.js'])
  })

  it('cuts long files, never within a character', async () => {
    await put('long', 'aé'.repeat(1000))
    const { tree } = await openFolder()
    expect(await tree.readText('long', { maxBytes: 4 })).toBe('aéa')
    expect(await tree.readText('long', { maxBytes: 5 })).toBe('aéa')
    expect(await tree.readText('long', { maxBytes: 0 })).toBe('')
  })

  it('reads nothing through what became a link after it was opened', async () => {
    await put('d/a')
    await put('b')
    const { tree } = await openFolder()
    await mkdir(join(base, 'secret'))
    await writeFile(join(base, 'secret', 'a'), 'no')
    await rm(join(folder, 'd'), { recursive: true })
    await symlink(join(base, 'secret'), join(folder, 'd'))
    await rm(join(folder, 'b'))
    await symlink(join(base, 'secret', 'a'), join(folder, 'b'))
    expect(await tree.readText('d/a')).toBeNull()
    expect(await tree.readText('b')).toBeNull()
  })
})

describe('materialise', () => {
  it('copies modes, links and empty folders, privately', async () => {
    await put('run.sh', '#!', 0o755)
    await put('a.js', 'x', 0o600)
    await mkdir(join(folder, 'empty'))
    const source = await openFolder()
    const copy = await source.materialise({ signal: signal() })
    expect(copy.startsWith(join(stateDir, 'sources'))).toBe(true)
    expect((await lstat(join(stateDir, 'sources'))).mode & 0o777).toBe(0o700)
    expect((await lstat(join(copy, 'run.sh'))).mode & 0o777).toBe(0o755)
    expect((await lstat(join(copy, 'a.js'))).mode & 0o777).toBe(0o644)
    expect(await readdir(join(copy, 'empty'))).toEqual([])
    expect(await source.materialise({ signal: signal() })).toBe(copy)
    folder = copy
    expect((await openFolder()).identity.digest).toBe(source.identity.digest)
  })

  it.each<[string, () => Promise<unknown>]>([
    ['content', () => put('a.js', 'othe')],
    ['a longer file', () => appendFile(join(folder, 'a.js'), 'x')],
    ['a new file', () => put('new')],
    ['a removed file', () => rm(join(folder, 'a.js'))],
    ['a mode', () => chmod(join(folder, 'a.js'), 0o755)],
    [
      'a link in place of a file',
      async () => {
        await writeFile(join(base, 'same'), 'text')
        await rm(join(folder, 'a.js'))
        await symlink(join(base, 'same'), join(folder, 'a.js'))
      },
    ],
    [
      'a link in place of a folder, to the same files',
      async () => {
        await rename(join(folder, 'd'), join(base, 'moved'))
        await symlink(join(base, 'moved'), join(folder, 'd'))
      },
    ],
    [
      'a pipe in place of a file',
      async () => {
        await rm(join(folder, 'a.js'))
        execFileSync('mkfifo', [join(folder, 'a.js')])
      },
    ],
    ['the whole folder gone', () => rm(folder, { recursive: true })],
  ])('is stale after a change: %s', async (_, change) => {
    await put('a.js', 'text')
    await put('d/b.js', 'text')
    const source = await openFolder()
    await change()
    await expect(source.materialise({ signal: signal() })).rejects.toMatchObject({
      code: 'plan-stale',
      phase: 'execute',
    })
    expect(await readdir(join(stateDir, 'sources'))).toEqual([])
  })

  it('many at once make one copy', async () => {
    for (let i = 0; i < 50; i++) await put(`f${i}`)
    const sources = await Promise.all(Array.from({ length: 6 }, () => openFolder()))
    const copies = await Promise.all(sources.map((source) => source.materialise({ signal: signal() })))
    expect(new Set(copies).size).toBe(1)
    expect(await readdir(join(stateDir, 'sources'))).toEqual([sources[0]!.identity.digest])
  })

  it('leaves nothing behind when it is aborted', async () => {
    for (let i = 0; i < 50; i++) await put(`f${i}`)
    const source = await openFolder()
    const reason = new Error('enough')
    await expect(source.materialise({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(await readdir(join(stateDir, 'sources'))).toEqual([])
  })
})

describe('other kinds', () => {
  it('an image has a name and no files', async () => {
    const open = (image: string) =>
      openSource({ kind: 'docker-image', image }, { stateDir, clock: systemClock(), signal: signal() })
    const source = await open('nginx:1')
    expect(source.identity).toMatchObject({ kind: 'docker-image', image: 'nginx:1', files: 0 })
    expect((await open('nginx:2')).identity.digest).not.toBe(source.identity.digest)
    expect(await source.tree.list()).toEqual([])
    const copy = await source.materialise({ signal: signal() })
    expect(await readdir(copy)).toEqual([])
    expect(await source.materialise({ signal: signal() })).toBe(copy)
    const error = await open('robot:hunter2@ghcr.io/acme/web').catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'credentials-in-url', phase: 'detect' })
    expect(JSON.stringify(error)).not.toContain('hunter2')
  })

  it('a Compose file is the folder that holds it', async () => {
    await put('compose.yaml')
    await put('web/Dockerfile')
    const open = (path: string) =>
      openSource({ kind: 'compose-file', path }, { stateDir, clock: systemClock(), signal: signal() })
    const file = await open(join(folder, 'compose.yaml'))
    expect(file.identity).toMatchObject({ kind: 'compose-file', name: 'compose.yaml', files: 2 })
    expect(await file.tree.has('web/Dockerfile')).toBe(true)
    const whole = await open(folder)
    expect(whole.identity).toMatchObject({ name: 'app', digest: file.identity.digest })
    expect(await refused(open(join(folder, 'nothing')))).toContain('"nothing"')
  })
})
