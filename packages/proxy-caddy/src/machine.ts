import { randomUUID } from 'node:crypto'
import {
  type Address,
  AppaloftError,
  type CallOptions,
  type Forwarded,
  type Host,
  unlessAborted,
} from '@appaloft/core/spec'
import { chainOf, fenceBegin, fenceFolder } from './chain.js'
import { type Changed, type Files, type Generation, type Look, linesOf, type Step } from './files.js'
import { rankLength } from './names.js'
import { unavailable } from './unavailable.js'

/** Ways to addresses of a machine, each made once. */
export class Elsewhere {
  readonly #ways = new Map<string, Promise<Forwarded>>()

  constructor(readonly machine: Host) {}

  /** An abort ends the wait, not the way: others may wait for it too. */
  async way(remote: Address, { signal }: CallOptions = {}): Promise<Address> {
    signal?.throwIfAborted()
    const name = JSON.stringify(remote)
    let way = this.#ways.get(name)
    if (way === undefined) {
      way = this.machine.forward(remote, { ahead: true })
      this.#ways.set(name, way)
      way.catch(() => this.#ways.delete(name))
    }
    return (await unlessAborted(way, signal)).address
  }

  /** Caddy has opened its listeners anew: a connection that waits would be answered by what it was told before. */
  renew(): void {
    for (const way of this.#ways.values())
      way.then(
        ({ renew }) => renew?.(),
        () => undefined,
      )
  }

  /** Makes it while nobody waits for it. Where it cannot be made, who needs it is told. */
  prepare(remote: () => Address): void {
    void (async () => await this.way(remote()))().catch(() => undefined)
  }
}

const env = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin',
  LC_ALL: 'C',
}
const limits = { timeoutMs: 60_000, maxBufferBytes: 16 * 1024 * 1024 }

/*
 * One command does all that an operation wants done, and tells what is there after it. Paths and contents come on standard input, a line
 * each, since a path holds the token; a content is one line, which is why the shell reads it without a program of its own.
 */
const script = `
d=$1 t=new-$2 only=$3 changed= undone= nl='
'
umask 077
last() {
  n=
  for f in "$d/${fenceFolder}"/after-*; do
    i=\${f##*/after-}
    case $i in *[!0-9]* | '') continue ;; esac
    if [ -z "$n" ] || [ "$i" -gt "$n" ]; then n=$i; fi
  done
  l=
  [ -z "$n" ] || IFS= read -r l <"$d/${fenceFolder}/after-$n" || [ -n "$l" ]
}
first() {
  s=
  for f in "$1"/${'?'.repeat(rankLength)}~*; do [ ! -e "$f" ] || s=$f; break; done
}
listing() {
  last || return
  [ -z "$n" ] || printf 'fence %s\\n' "$l"
  [ -z "$only" ] || return 0
  for g in "$d"/g*; do
    [ -d "$g" ] || continue
    k=0
    while :; do
      first "$g"
      l=
      [ -z "$s" ] || IFS= read -r l <"$s" || [ -n "$l" ] && break
      # Gone meanwhile: there is a newer one.
      k=$((k + 1))
      [ $k -lt 100 ] || return 1
    done 2>/dev/null
    printf 'generation %s\\n' "\${g##*/}"
    for f in "$g"/*; do [ ! -e "$f" ] || printf 'name %s\\n' "\${f##*/}"; done
    [ -z "$s" ] || printf 'newest %s\\ntext %s\\n' "\${s##*/}" "$l"
  done
}
folder() {
  p=$1 m= q=$1
  while [ ! -d "\${q:-/}" ]; do m=$q q=\${q%/*}; done
  [ -z "$m" ] || mkdir -p "$p" || return
  [ -n "$2" ] && [ -n "$m" ] || return 0
  while chgrp "$2" "$p" && chmod 750 "$p"; do [ "$p" = "$m" ] && return; p=\${p%/*}; done
  return 1
}
written() {
  printf %s "$2" >"$1" && { sync "$1" || sync; } 2>/dev/null
}
settled() {
  sync "\${1%/*}" 2>/dev/null || sync
}
while IFS= read -r what && IFS= read -r path; do
  changed=1
  case $what in
  folder)
    IFS= read -r group
    folder "$path" "$group" || exit 1
    ;;
  touch) : >"$path" || exit 1 ;;
  discard)
    set -- "$path"
    while IFS= read -r path && [ -n "$path" ]; do set -- "$@" "$path"; done
    rm -rf "$@" || exit 1
    ;;
  put)
    IFS= read -r content
    new=\${path%/*}/$t
    trap 'rm -f "$new"' EXIT
    written "$new" "$content" && mv -f "$new" "$path" && settled "$path" || exit 1
    trap - EXIT
    ;;
  claim)
    IFS= read -r begin && IFS= read -r content && IFS= read -r group
    last || exit 1
    undone=1
    case $l in
    '') [ -z "$begin" ] || break ;;
    *) [ -n "$begin" ] || break; case $l in "$begin"*) ;; *) break ;; esac ;;
    esac
    folder "\${path%/*}" "$group" || exit 1
    new=\${path%/*}/$t
    trap 'rm -f "$new"' EXIT
    written "$new" "$content" || exit 1
    if ! ln "$new" "$path" 2>/dev/null; then [ -e "$path" ] || exit 1; break; fi
    rm -f "$new"
    settled "$path" || exit 1
    trap - EXIT
    undone=
    ;;
  expect)
    want=
    while IFS= read -r line && [ -n "$line" ]; do want=\${want:+$want$nl}$line; done
    have=$(listing) || exit 1
    [ "$have" = "$want" ] || { undone=1; break; }
    ;;
  *) exit 1 ;;
  esac
done
[ -z "$undone" ] || echo 'undone '
for f in "$d/${fenceFolder}"/after-*; do [ ! -e "$f" ] || echo "chain \${f##*/}"; done
listing || exit 1
[ -z "$only" ] || exit 0
set --
for g in "$d"/g*; do
  [ -d "$g" ] || continue
  first "$g"
  set -- "$@" "$g" "$s"
done
# What was changed just now is that old, and beside a generation alone nothing else is.
if [ $# -gt 0 ] && { [ $# -gt 2 ] || [ -z "$changed" ] || [ -n "$undone" ]; }; then
  date '+now %s'
  stat -c 'at %Y %n' "$@"
fi 2>/dev/null
exit 0
`

/** As tools and shells say it: some of the latter name no reason where a write fails. */
const full = /no space left|quota exceeded|printf: (?:I\/O error|write error)/i

/** The markers of a Caddy on another machine, by its own commands: each operation one way there and back. */
export function machineFiles(machine: Host): Files {
  /** The newest of each generation, by the folder of the resource, as they were seen last. */
  const known = new Map<string, Generation[]>()
  /** What was there before is as old as it was told to be then: seconds say less. */
  const remembered = (folder: string, seen: Look): Look => {
    const before = known.get(folder) ?? []
    for (const { name, newest } of seen.generations) {
      const same = before.find((one) => one.name === name)?.newest
      if (newest !== null && same?.name === newest.name && same.text === newest.text)
        newest.writtenAt = Math.min(newest.writtenAt, same.writtenAt)
    }
    if (seen.generations.length === 0) known.delete(folder)
    else known.set(folder, seen.generations)
    return seen
  }
  const run = async (folder: string, only: string, lines: readonly string[]): Promise<Changed> => {
    if ([folder, ...lines].some((line) => line.includes('\n')))
      throw new AppaloftError('invalid-composition', {
        message: 'The folder of the proxy’s markers has a line break in its path.',
      })
    const argv = ['sh', '-c', script, 'sh', folder, randomUUID(), only] as const
    const input = lines.map((line) => `${line}\n`).join('')
    const { exitCode, stdout, stderr } = await machine.exec(argv, { env, input, ...limits })
    if (exitCode === 0) {
      const { done, ...seen } = parsed(folder, stdout)
      return { ...(only === '' ? remembered(folder, seen) : seen), done }
    }
    const words = stderr.trim().split('\n').at(-1) ?? ''
    if (full.test(words))
      throw new AppaloftError('disk-full', {
        message: `The disk of ${machine.key} that holds the proxy’s markers is full.`,
        recoveryHint:
          'Free space there, or let the option root of the proxy name a folder on another disk; then retry.',
      })
    throw unavailable(
      `The proxy’s markers on ${machine.key} cannot be used${words === '' ? '' : `: ${words}`}.`,
      'Let the user own the folder that the option root of the proxy names, or name another one.',
    )
  }
  return {
    async look(folder, only) {
      const { done: _, ...seen } = await run(folder, only ?? '', [])
      return seen
    },
    change: (folder, steps) => run(folder, '', inputOf(folder, steps)),
  }
}

function inputOf(folder: string, steps: readonly Step[]): string[] {
  return steps.flatMap((step, at) => {
    if (step.do === 'expect') return [step.do, folder, ...linesOf(step.seen), '']
    if (step.do === 'folder') return [step.do, step.path, String(step.group ?? '')]
    if (step.do === 'put') return [step.do, step.path, step.content]
    if (step.do === 'touch') return [step.do, step.path]
    if (step.do === 'discard') {
      // Those that follow one another go as one.
      const begin = steps[at - 1]?.do === step.do ? [] : [step.do]
      return [...begin, step.path, ...(steps[at + 1]?.do === step.do ? [] : [''])]
    }
    const { expected, content, group } = step
    const begin = expected === 0 ? '' : fenceBegin(expected)
    return [step.do, `${folder}/${fenceFolder}/after-${expected}`, begin, content, String(group ?? '')]
  })
}

/** Times are by the machine's own clock, which may be another than the one here, in whole seconds: one more than can have passed counts as none. */
function parsed(folder: string, stdout: string): Changed {
  const chain: string[] = []
  let fence: string | null = null
  let done = true
  const generations: Generation[] = []
  const times = new Map<string, number>()
  let now = 0
  let first = ''
  for (const line of stdout.split('\n')) {
    const space = line.indexOf(' ')
    const [word, rest] = [line.slice(0, space), line.slice(space + 1)]
    const last = generations.at(-1)
    if (word === 'undone') done = false
    else if (word === 'chain') chain.push(rest)
    else if (word === 'fence') fence = rest
    else if (word === 'generation') generations.push({ name: rest, writtenAt: 0, names: [], newest: null })
    else if (word === 'name') last?.names.push(rest)
    else if (word === 'newest') first = rest
    else if (word === 'text' && last !== undefined) last.newest = { name: first, text: rest, writtenAt: 0 }
    else if (word === 'now') now = Number(rest)
    else if (word === 'at') {
      const [seconds = '', path = ''] = [rest.slice(0, rest.indexOf(' ')), rest.slice(rest.indexOf(' ') + 1)]
      times.set(path.slice(folder.length + 1), Number(seconds))
    }
  }
  const at = (path: string) => Date.now() - Math.max(0, now - (times.get(path) ?? now) - 1) * 1000
  for (const one of generations) {
    one.writtenAt = at(one.name)
    if (one.newest !== null) one.newest.writtenAt = at(`${one.name}/${one.newest.name}`)
  }
  return { chain: chainOf(chain), fence, generations, done }
}
