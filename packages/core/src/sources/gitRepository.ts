import { mkdir, realpath, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AppaloftError } from '../spec/errors.js'
import type { Source } from '../spec/source.js'
import { keepCopy, keptCopy } from './copies.js'
import { unreadable } from './errors.js'
import { checkOut, submoduleFolder, submodulesOf } from './gitCheckout.js'
import type { Git } from './gitCommand.js'
import { gitAccess } from './gitCredentials.js'
import { cacheFolder, fetchCommit, isCommitId, keepRepository, type ResolvedRef, resolveRef } from './gitFetch.js'
import { checkRef, type GitRemote, parseGitUrl } from './gitUrl.js'
import { defaultLimits } from './limits.js'
import type { Manifest } from './manifest.js'
import { recall, remember } from './notes.js'
import { scan } from './scan.js'
import { sweep, temporaryFolder } from './temporary.js'
import { manifestTree } from './tree.js'
import type { OpenedSource, SourceContext } from './types.js'

type GitSource = Extract<Source, { kind: 'git-repository' }>
interface Options {
  submodules: boolean
  lfs: boolean
}

/**
 * A git repository, pinned to a commit. A commit that was fetched before needs the network only to learn where the ref stands, and not
 * even that where the commit is given.
 */
export async function openGit(source: GitSource, context: SourceContext): Promise<OpenedSource> {
  const remote = parseGitUrl(source.url)
  const options = { submodules: source.submodules ?? false, lfs: source.lfs ?? false }
  const { ref, commit } = wanted(source, context)
  await sweep(context.stateDir, 'git')
  const opened = await atCommit(remote, options, { ref, commit }, context)
  const { manifest } = opened
  return {
    identity: {
      kind: 'git-repository',
      digest: manifest.digest,
      ...(opened.name === undefined ? {} : { gitRef: opened.name }),
      commitSha: opened.commit,
      ...(remote.shown === null ? {} : { url: remote.shown }),
      name: remote.name,
      baseDirectory: '.',
      files: manifest.files,
      bytes: manifest.bytes,
    },
    tree: manifestTree(await realpath(opened.path), manifest),
    async materialise({ signal }) {
      const kept = await keptCopy(context.stateDir, manifest.digest)
      if (kept !== null) return kept
      // Discarded meanwhile: the commit still says what it was.
      const again = await atCommit(remote, options, { commit: opened.commit }, { ...context, signal })
      if (again.manifest.digest === manifest.digest) return again.path
      throw new AppaloftError('plan-stale', { phase: 'execute', message: 'The commit gives other files than before.' })
    },
  }
}

/** What the request names wins over what the source names, and in either a commit over a ref. */
function wanted(source: GitSource, context: SourceContext): { ref?: string; commit?: string } {
  const commit = context.commitSha ?? (context.gitRef === undefined ? source.commitSha : undefined)
  const ref = context.gitRef ?? source.gitRef
  if (ref !== undefined) checkRef(ref)
  if (commit !== undefined) return { ref, commit }
  return ref !== undefined && isCommitId(ref) ? { commit: ref } : { ref }
}

/** The URL is part of it: who may read one repository must not get at another one's files by naming a commit of it. */
const keyOf = (remote: GitRemote, { submodules, lfs }: Options, commit: string) => [remote.url, commit, submodules, lfs]

interface AtCommit {
  commit: string
  name?: string
  path: string
  manifest: Manifest
}

async function atCommit(
  remote: GitRemote,
  options: Options,
  { ref, commit }: { ref?: string; commit?: string },
  context: SourceContext,
): Promise<AtCommit> {
  const { stateDir, signal } = context
  if (commit !== undefined) {
    const kept = await recall(stateDir, 'git', keyOf(remote, options, commit))
    if (kept !== null) return { commit, name: ref, ...kept }
  }
  const home = await temporaryFolder(stateDir, 'git')
  try {
    const git = await gitFor(remote, context, home)
    let resolved: ResolvedRef | undefined
    if (commit === undefined) {
      resolved = await resolveRef(git, ref)
      const kept = await recall(stateDir, 'git', keyOf(remote, options, resolved.commit))
      if (kept !== null) return { commit: resolved.commit, name: resolved.name, ...kept }
    }
    let pinned = ''
    const { path, manifest } = await keepCopy(stateDir, async (into) => {
      pinned = await writeCommit(
        git,
        options,
        { ref: resolved?.ref, commit: commit ?? resolved!.commit },
        into,
        context,
        0,
      )
      return scan(into, { limits: defaultLimits, signal })
    })
    await remember(stateDir, 'git', keyOf(remote, options, pinned), manifest.digest)
    return { commit: pinned, name: resolved?.name ?? ref, path, manifest }
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}

const gitFor = async (
  remote: GitRemote,
  { credentials, signal, stateDir }: SourceContext,
  home: string,
): Promise<Git> => ({
  remote,
  access: await gitAccess(remote, credentials, home),
  home,
  signal,
  hide: [home, stateDir, ...(remote.protocol === 'file' ? [remote.url] : [])],
})

const deepest = 5

/** The files of a commit, those of its submodules included where that is asked for. Each remote gets its own credentials and no others. */
async function writeCommit(
  git: Git,
  options: Options,
  from: { ref?: string; commit: string },
  into: string,
  context: SourceContext,
  depth: number,
): Promise<string> {
  const cache = cacheFolder(context.stateDir, git.remote.url)
  const repository = join(git.home, 'repository')
  const commit = await fetchCommit(git, cache, from)
  const links = await checkOut(git, repository, commit, into, { lfs: options.lfs })
  if (options.submodules) {
    if (depth >= deepest && links.length > 0)
      throw unreadable('submodules', `Submodules are nested deeper than ${deepest}.`)
    for (const submodule of await submodulesOf(git, repository, commit, links)) {
      const home = join(git.home, 'submodule')
      await mkdir(home, { mode: 0o700 })
      const inner = await gitFor(submodule.remote, context, home)
      const folder = await submoduleFolder(into, submodule.path)
      await writeCommit(inner, options, { commit: submodule.commit }, folder, context, depth + 1)
      await rm(home, { recursive: true, force: true })
    }
  }
  await keepRepository(git.home, cache)
  return commit
}
