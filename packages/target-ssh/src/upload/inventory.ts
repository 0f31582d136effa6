import type { HostExecResult } from '@appaloft/core/spec'
import type { Argv, ExecOptions } from '../session.js'

export type Exec = (argv: Argv, options?: ExecOptions) => Promise<HostExecResult>

/** What the programs of an upload run with, on any machine, and in which language they complain. */
export const uploadEnvironment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin',
  LC_ALL: 'C',
}

/** What is there under a name, a link not followed. */
export interface There {
  kind: 'folder' | 'file' | 'link' | 'other'
  mode: number
  size: number
}

const kinds = new Map<number, There['kind']>([
  [0o040000, 'folder'],
  [0o100000, 'file'],
  [0o120000, 'link'],
])
const list = (names: readonly string[]) => names.map((name) => `./${name}\0`).join('')
const room = (names: readonly string[], each: number) =>
  names.reduce((sum, name) => sum + Buffer.byteLength(name) * 2 + each, 65_536)

const ask = async (exec: Exec, folder: string, script: string, names: readonly string[], signal?: AbortSignal) => {
  const argv: Argv = ['sh', '-c', `cd -- "$1" 2>/dev/null || { echo none; exit; }; echo here; ${script}`, 'sh', folder]
  const { stdout } = await exec(argv, {
    env: uploadEnvironment,
    input: list(names),
    maxBufferBytes: room(names, 256),
    ...(signal === undefined ? {} : { signal }),
  })
  return stdout.startsWith('here\n') ? stdout.slice('here\n'.length) : null
}

/** By name what is there in the folder; null: there is no such folder. */
export async function inventory(
  exec: Exec,
  folder: string,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<Map<string, There> | null> {
  const text = await ask(exec, folder, `xargs -0 stat -c '%f %s %n'`, names, signal)
  if (text === null) return null
  const found = new Map<string, There>()
  let at = 0
  // In the order in which they were asked for, without those that are not there: so a name may hold anything.
  for (const name of names) {
    const head = /^([0-9a-f]+) (\d+) /.exec(text.slice(at, at + 40))
    if (head === null) break
    const line = `${head[0]}./${name}\n`
    if (!text.startsWith(line, at)) continue
    at += line.length
    const bits = Number.parseInt(head[1] ?? '', 16)
    found.set(name, { kind: kinds.get(bits & 0o170000) ?? 'other', mode: bits & 0o777, size: Number(head[2]) })
  }
  return found
}

const unescaped = (text: string) =>
  text.replaceAll(/\\(.)/g, (_, one: string) => (one === 'n' ? '\n' : one === 'r' ? '\r' : one))

/** By name the SHA-256 of files. */
export async function digests(exec: Exec, folder: string, names: readonly string[], signal?: AbortSignal) {
  const found = new Map<string, string>()
  if (names.length === 0) return found
  const text = (await ask(exec, folder, 'xargs -0 sha256sum', names, signal)) ?? ''
  for (const line of text.split('\n')) {
    const [, escaped, digest, name] = /^(\\?)([0-9a-f]{64}) [ *]\.\/(.*)$/.exec(line) ?? []
    if (digest !== undefined && name !== undefined) found.set(escaped === '' ? name : unescaped(name), digest)
  }
  return found
}

/** By name where links lead. */
export async function linkTargets(exec: Exec, folder: string, names: readonly string[], signal?: AbortSignal) {
  const found = new Map<string, string>()
  if (names.length === 0) return found
  const each = `xargs -0 sh -c 'for f do printf "%s" "$(readlink "$f")"; printf "\\0"; done' sh`
  const targets = ((await ask(exec, folder, each, names, signal)) ?? '').split('\0')
  for (const [at, name] of names.entries()) found.set(name, targets[at] ?? '')
  return found
}
