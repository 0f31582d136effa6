import { randomBytes } from 'node:crypto'
import { basename, dirname, posix } from 'node:path'
import { Readable } from 'node:stream'
import { AppaloftError, type HostExecResult } from '@appaloft/core/spec'
import { quoted } from '../remote/quote.js'
import type { Argv } from '../session.js'
import { changes } from './changes.js'
import { type Exec, inventory, uploadEnvironment } from './inventory.js'
import { walk } from './walk.js'

/**
 * Reads steps up to the mark, then an archive into a folder beside what it shall become, then takes the steps. Whatever ends it, the
 * folder is gone. `$1` the mark, `$2` the folder to work in, `$3` the name of the temporary one.
 */
const receiver = `
n=$(printf '\\n_'); n=\${n%_}; o=
while IFS= read -r l && [ "$l" != "$1" ]; do o="$o$l$n"; done
[ "$l" = "$1" ] || exit 1
trap 'cd /; rm -rf "$s"' EXIT
trap 'exit 1' TERM HUP INT
mkdir -p -- "$2" && cd -- "$2" || exit 1
s=$(pwd -P)/$3
mkdir -m 700 "$s" && tar -xpof - -C "$s" || exit 1
place() { mv -fT "$1" "$2" 2>/dev/null || { rm -f "$2" && mv -f "$1" "$2"; }; }
set -e
eval "$o"
`

/** See `Host.upload`. What is there already is compared first, and only what differs is sent. */
export async function upload(
  exec: Exec,
  localPath: string,
  remotePath: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (remotePath === '' || remotePath.includes('\0'))
    throw new AppaloftError('invalid-input', { message: 'An upload needs a path on the machine.' })
  const { root, entries } = await walk(localPath, signal)
  const isFolder = entries[0]?.kind === 'folder'
  const target = posix.normalize(remotePath).replace(/(.)\/$/, '$1')
  const [parent, name] = [posix.dirname(target), posix.basename(target)]
  const folder = isFolder ? target : parent
  const named = (path: string) => (isFolder ? path || '.' : name)
  const there = await inventory(
    exec,
    folder,
    entries.map(({ path }) => named(path)),
    signal,
  )
  if (isFolder && there === null) {
    // All of it appears at once.
    const last = `chmod ${entries[0]?.mode.toString(8)} "$s"; [ -d "$t" ] || rm -f "$t"; mv -f "$s" "$t"`
    const steps = [`t=$(pwd -P)/${quoted(name)}`, last]
    await send(
      exec,
      root,
      entries.slice(1).map(({ path }) => path),
      { into: parent, steps },
      signal,
    )
    return
  }
  const { sent, steps } = await changes(exec, { root, entries }, folder, there ?? new Map(), named, signal)
  if (sent.length > 0 || steps.length > 0) await send(exec, root, sent, { into: folder, steps }, signal)
}

/** Paths are relative to the root; an empty one is the root itself. */
async function send(
  exec: Exec,
  root: string,
  paths: readonly string[],
  { into, steps }: { into: string; steps: readonly string[] },
  signal: AbortSignal | undefined,
): Promise<void> {
  const mark = `appaloft-${randomBytes(16).toString('hex')}`
  const temporary = `.appaloft-${randomBytes(8).toString('hex')}.tmp`
  const input = Readable.from(stream(root, paths, `${steps.join('\n')}\n${mark}\n`))
  const argv: Argv = ['sh', '-c', receiver, 'sh', mark, into, temporary]
  const options = { env: uploadEnvironment, input, ...(signal === undefined ? {} : { signal }) }
  try {
    const result = await exec(argv, options)
    if (result.exitCode !== 0) throw failed(basename(root), result)
  } finally {
    input.destroy()
    // Where the far side was killed before it could clean up.
    if (signal?.aborted === true)
      await exec(['rm', '-rf', '--', posix.join(into, temporary)], { timeoutMs: 60_000 }).catch(() => undefined)
  }
}

async function* stream(root: string, paths: readonly string[], head: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(head)
  // An archive of nothing.
  if (paths.length === 0) return yield Buffer.alloc(1024)
  const { create } = await import('tar')
  const single = paths.length === 1 && paths[0] === ''
  const names = single ? [`./${basename(root)}`] : paths.map((path) => `./${path}`)
  // Two names of one file become two files.
  const linkCache = Object.assign(new Map<never, never>(), { get: () => undefined })
  const archive = create({ cwd: single ? dirname(root) : root, noDirRecurse: true, linkCache, strict: true }, names)
  for await (const chunk of archive) yield chunk as Uint8Array
}

function failed(name: string, { stderr }: HostExecResult): AppaloftError {
  if (/No space left on device|Disk quota exceeded|Wrote only \d+ of/i.test(stderr))
    return new AppaloftError('disk-full')
  const words = stderr.trim().split('\n').at(-1) ?? ''
  return new AppaloftError('runtime-backend-unavailable', {
    message: `${JSON.stringify(name)} could not be copied: ${words.slice(0, 300)}`,
    details: { reason: 'upload-failed' },
    recoveryHint: 'Check that the user may write there, and that tar, stat and sha256sum are installed on the machine.',
    retriable: false,
  })
}
