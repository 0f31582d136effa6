import { createHash, randomBytes } from 'node:crypto'
import { copyFile, link, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AppaloftError, hasCode } from '../spec/errors.js'
import { detectError } from './errors.js'
import { type Git, runGit } from './gitCommand.js'

export const isCommitId = (text: string) => /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text)

export interface ResolvedRef {
  /** The full name, as the remote knows it. */
  ref: string
  /** Without `refs/heads/` or `refs/tags/`: for people. */
  name: string
  commit: string
}

/** Asks the remote where a ref stands: a full name, a branch or a tag, in this order; without one its default branch. */
export async function resolveRef(git: Git, wanted: string | undefined): Promise<ResolvedRef> {
  const names = wanted === undefined ? ['HEAD'] : candidates(wanted)
  // HEAD is asked for too: where the ref does not exist, the default branch is what may have been meant.
  const patterns = ['HEAD', ...names.flatMap((name) => (name === 'HEAD' ? [] : [name, `${name}^{}`]))]
  const output = await runGit(git, ['ls-remote', '--symref', '--quiet', '--', git.remote.url, ...patterns])
  const commits = new Map<string, string>()
  let head: string | undefined
  for (const line of output.split('\n')) {
    const [value = '', name = ''] = line.split('\t')
    if (value.startsWith('ref: ') && name === 'HEAD') head = value.slice(5)
    else if (isCommitId(value)) commits.set(name, value)
  }
  for (const name of names) {
    // What an annotated tag points at comes under the second name.
    const commit = commits.get(`${name}^{}`) ?? commits.get(name)
    if (commit === undefined) continue
    const shown = name === 'HEAD' ? (head ?? name) : name
    return { ref: name, name: shown.replace(/^refs\/(?:heads|tags)\//, ''), commit }
  }
  const where = git.remote.shown ?? JSON.stringify(git.remote.name)
  if (wanted === undefined) throw detectError('git-ref-not-found', `${where} has no default branch; it may be empty.`)
  throw detectError('git-ref-not-found', `${where} has no branch or tag ${JSON.stringify(wanted)}.`, {
    details: { gitRef: wanted, ...(head === undefined ? {} : { defaultBranch: head.replace(/^refs\/heads\//, '') }) },
    ...(/^[0-9a-f]{7,39}$/.test(wanted)
      ? { recoveryHint: 'Write a commit id in full: a part of it cannot be asked for.' }
      : {}),
  })
}

const candidates = (wanted: string) => {
  if (wanted === 'HEAD') return ['HEAD']
  return [...(wanted.startsWith('refs/') ? [wanted] : []), `refs/heads/${wanted}`, `refs/tags/${wanted}`]
}

const ours = 'refs/appaloft/head'
/** More packs than this make git slow: then everything is fetched afresh, as one. */
const mostPacks = 20

/**
 * Fetches one commit without its history into a repository of its own, `home/repository`, helped by what a former fetch left in the
 * cache. Nobody shares a repository with another process, so there is nothing to lock; packs are never changed and are handed
 * on as hard links. Answers with the commit.
 */
export async function fetchCommit(git: Git, cache: string, from: { ref?: string; commit: string }): Promise<string> {
  const repository = join(git.home, 'repository')
  const format = from.commit.length === 64 ? 'sha256' : 'sha1'
  const fresh = async () => {
    await rm(repository, { recursive: true, force: true })
    await runGit(git, ['init', '--quiet', '--bare', '--template=', `--object-format=${format}`, repository])
  }
  await fresh()
  if (await seed(cache, repository)) {
    try {
      return await fetchInto(git, repository, from)
    } catch (error) {
      // A cache that was replaced meanwhile, or damaged, must never be the reason.
      if (!hasCode(error, 'source-unreadable')) throw error
      await fresh()
    }
  }
  return fetchInto(git, repository, from)
}

async function fetchInto(git: Git, repository: string, from: { ref?: string; commit: string }): Promise<string> {
  const fetch = (...rest: string[]) =>
    runGit(git, [
      `--git-dir=${repository}`,
      'fetch',
      '--quiet',
      '--no-tags',
      '--force',
      '--no-recurse-submodules',
      ...rest,
    ])
  const source = from.ref ?? from.commit
  try {
    await fetch('--depth=1', '--', git.remote.url, `${source}:${ours}`)
  } catch (error) {
    const detail = AppaloftError.isInstance(error) ? String(error.details.git ?? '') : ''
    if (!/unadvertised object|does not support shallow/i.test(detail)) throw error
    // An old server gives no commit by its id, or no part of a history: everything, then.
    await fetch('--', git.remote.url, 'refs/heads/*:refs/appaloft/heads/*', 'refs/tags/*:refs/appaloft/tags/*')
    if (!(await has(git, repository, from.commit))) throw notThere(git, from.commit)
    await runGit(git, [`--git-dir=${repository}`, 'update-ref', ours, from.commit])
  }
  const commit = (await runGit(git, [`--git-dir=${repository}`, 'rev-parse', '--verify', `${ours}^{commit}`])).trim()
  if (from.ref === undefined && commit !== from.commit) throw notThere(git, from.commit)
  return commit
}

const notThere = (git: Git, commit: string) =>
  detectError('git-ref-not-found', `${git.remote.shown ?? JSON.stringify(git.remote.name)} has no commit ${commit}.`, {
    details: { commitSha: commit },
  })

async function has(git: Git, repository: string, commit: string): Promise<boolean> {
  try {
    await runGit(git, [`--git-dir=${repository}`, 'cat-file', '-e', `${commit}^{commit}`])
    return true
  } catch (error) {
    git.signal.throwIfAborted()
    if (AppaloftError.isInstance(error)) return false
    throw error
  }
}

export const cacheFolder = (stateDir: string, url: string) =>
  join(stateDir, 'git', createHash('sha256').update(url).digest('hex').slice(0, 32))

/** Hands the packs of the cache to a new repository. False where there are none. */
async function seed(cache: string, repository: string): Promise<boolean> {
  try {
    const head = await readFile(join(cache, ours), 'utf8')
    const packs = await readdir(join(cache, 'objects', 'pack'))
    if (packs.filter((name) => name.endsWith('.pack')).length > mostPacks) return false
    for (const name of packs) {
      const [from, to] = [join(cache, 'objects', 'pack', name), join(repository, 'objects', 'pack', name)]
      await link(from, to).catch(() => copyFile(from, to))
    }
    await copyFile(join(cache, 'shallow'), join(repository, 'shallow'))
    await mkdir(join(repository, 'refs', 'appaloft'), { recursive: true })
    await writeFile(join(repository, ours), head)
    return true
  } catch {
    return false
  }
}

/** Puts a repository in the cache's place, for the next fetch. Never fails: the cache only spares time. */
export async function keepRepository(home: string, cache: string): Promise<void> {
  const trash = join(cache, '..', `.trash-${randomBytes(8).toString('hex')}`)
  try {
    await rename(cache, trash).catch(() => {})
    await rename(join(home, 'repository'), cache)
  } catch {
    // Another process was faster.
  } finally {
    await rm(trash, { recursive: true, force: true }).catch(() => {})
  }
}
