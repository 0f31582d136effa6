import { lstat, mkdir, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { unreadable } from './errors.js'
import { type Git, runGit } from './gitCommand.js'
import { type GitRemote, parseSubmoduleUrl } from './gitUrl.js'
import { defaultLimits, type SourceLimits, sizeText } from './limits.js'
import { quoted } from './paths.js'

/** A commit of another repository inside the tree. */
export interface Submodule {
  path: string
  commit: string
  remote: GitRemote
}

/**
 * Writes the tree of a commit into an empty folder. Neither hooks nor filters run: no filter is configured, whatever the tree's
 * attributes name. With `lfs` the one of git LFS is.
 */
export async function checkOut(
  git: Git,
  repository: string,
  commit: string,
  into: string,
  options: { lfs: boolean; limits?: SourceLimits },
): Promise<{ path: string; commit: string }[]> {
  const links = await survey(git, repository, commit, options.limits ?? defaultLimits)
  const env = { GIT_INDEX_FILE: join(repository, 'checkout-index') }
  await runGit(git, [`--git-dir=${repository}`, 'read-tree', commit], { env })
  if (options.lfs) await requireLfs(git)
  await runGit(git, [`--git-dir=${repository}`, `--work-tree=${into}`, 'checkout-index', '--all', '--quiet'], {
    env,
    settings: options.lfs ? lfsSettings(git) : [],
  })
  return links
}

/** Reads the whole tree's list before a file is written: a tree of a few objects can stand for more files than any disk holds. */
async function survey(git: Git, repository: string, commit: string, limits: SourceLimits) {
  const links: { path: string; commit: string }[] = []
  let entries = 0
  let bytes = 0
  let rest = ''
  const decoder = new TextDecoder('utf-8')
  await runGit(git, [`--git-dir=${repository}`, 'ls-tree', '-r', '-l', '-z', '--full-tree', commit], {
    onOutput(chunk) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\0')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const [, mode, id, size, path] = /^(\d+) \w+ ([0-9a-f]+) +(\d+|-)\t(.*)$/s.exec(line) ?? []
        entries += 1
        bytes += Number(size) || 0
        if (mode === '160000' && id !== undefined && path !== undefined) links.push({ path, commit: id })
        if (entries > limits.entries)
          throw unreadable('too-large', `The repository holds more than ${limits.entries} entries.`)
        if (bytes > limits.bytes)
          throw unreadable('too-large', `The repository's files are larger than ${sizeText(limits.bytes)}.`)
      }
    },
  })
  return links
}

async function requireLfs(git: Git): Promise<void> {
  await runGit(git, ['lfs', 'version']).catch((error: unknown) => {
    git.signal.throwIfAborted()
    throw unreadable(
      'program',
      'git LFS is not installed on this machine, and the source asks for it.',
      { command: 'git-lfs' },
      error,
    )
  })
}

const lfsSettings = (git: Git) => [
  'filter.lfs.smudge=git-lfs smudge -- %f',
  'filter.lfs.required=true',
  `remote.origin.url=${git.remote.url}`,
]

/** Where the tree says that its submodules come from. Those without a URL stay empty folders. */
export async function submodulesOf(
  git: Git,
  repository: string,
  commit: string,
  links: readonly { path: string; commit: string }[],
): Promise<Submodule[]> {
  if (links.length === 0) return []
  const listed = await runGit(git, [
    `--git-dir=${repository}`,
    'config',
    '--null',
    '--list',
    '--no-includes',
    `--blob=${commit}:.gitmodules`,
  ]).catch((error: unknown) => {
    git.signal.throwIfAborted()
    throw unreadable('submodules', 'The repository has submodules, but .gitmodules cannot be read.', {}, error)
  })
  const modules = new Map<string, { path?: string; url?: string }>()
  for (const line of listed.split('\0')) {
    const [, name, field, value] = /^submodule\.(.*)\.(path|url)\n(.*)$/s.exec(line) ?? []
    if (name === undefined || field === undefined) continue
    modules.set(name, { ...modules.get(name), [field]: value })
  }
  const urls = new Map([...modules.values()].map(({ path, url }) => [path, url]))
  return links.flatMap(({ path, commit }) => {
    const url = urls.get(path)
    return url === undefined ? [] : [{ path, commit, remote: parseSubmoduleUrl(url, git.remote) }]
  })
}

/** The empty folder of a submodule: below the root, and reached without a link. */
export async function submoduleFolder(into: string, path: string): Promise<string> {
  const folder = join(into, path)
  await mkdir(folder, { recursive: true })
  if ((await realpath(folder)) !== folder || !(await lstat(folder)).isDirectory()) {
    throw unreadable('submodules', `The submodule ${quoted(path)} lies behind a symbolic link.`, { path })
  }
  return folder
}
