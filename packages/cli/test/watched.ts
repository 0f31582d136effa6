import { spawnSync } from 'node:child_process'
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** Every place of the user's that a program may write to by itself, below one folder. */
export function homeBelow(folder: string): Record<string, string> {
  const at = (name: string) => {
    mkdirSync(join(folder, name), { recursive: true })
    return join(folder, name)
  }
  return {
    HOME: at('home'),
    TMPDIR: at('tmp'),
    XDG_CONFIG_HOME: at('config'),
    XDG_CACHE_HOME: at('cache'),
    XDG_DATA_HOME: at('data'),
    XDG_STATE_HOME: at('xdg-state'),
    XDG_RUNTIME_DIR: at('run'),
  }
}

/**
 * Everything below a folder: kind and mode, size, times and where links lead. A file that came and went again shows in the times of its
 * folder. What begins with one of `except` is left out, with its folder's times.
 */
export function listing(folder: string, except: readonly string[] = []): string[] {
  const left = (name: string) => except.some((one) => name === one || name.startsWith(`${one}/`))
  // By hand: Node's own recursion follows links.
  const below = (name: string): string[] => {
    if (left(name)) return []
    const inner = lstatSync(join(folder, name)).isDirectory() ? readdirSync(join(folder, name)) : []
    return [name, ...inner.flatMap((one) => below(name === '' ? one : `${name}/${one}`))]
  }
  return below('')
    .map((name) => {
      const path = join(folder, name)
      const stat = lstatSync(path, { bigint: true })
      const link = stat.isSymbolicLink() ? ` -> ${readlinkSync(path)}` : ''
      const times = except.some((one) => join(one, '..') === (name || '.')) ? '' : `${stat.mtimeNs} ${stat.ctimeNs}`
      return `${name}${link} ${stat.mode.toString(8)} ${stat.size} ${times}`
    })
    .sort()
}

/** Processes with this text in their command line. */
export function processesWith(text: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      } catch {
        return ''
      }
    })
    .filter((line) => line.includes(text))
}

const calls =
  'openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,rmdir,link,linkat,symlink,symlinkat'
const more = 'truncate,chmod,fchmodat,chown,fchownat,utimensat,mknod,mknodat'

/** The command that traces what another one changes on the disk, or why there is none. */
export function tracer(file: string): { argv: string[] } | { missing: string } {
  const argv = ['strace', '-f', '-qq', '-y', '-s', '4096', '-e', `trace=${calls},${more}`, '-o', file]
  const tried = spawnSync(argv[0] as string, [...argv.slice(1), 'true'], { encoding: 'utf8' })
  if (tried.error !== undefined) return { missing: 'strace is not installed' }
  return tried.status === 0 ? { argv } : { missing: tried.stderr.trim() }
}

/** The paths that a trace shows as changed. Calls that failed and files opened for reading alone changed nothing. */
export function changedPaths(trace: string, cwd: string): string[] {
  const paths = new Set<string>()
  // A call that another thread interrupts is told in two lines: the first has the arguments, the second the result.
  const unfinished = new Map<string, string>()
  for (const line of trace.split('\n')) {
    const [, thread = '', text = ''] = /^(\d+)\s+(.*)$/.exec(line) ?? []
    const cut = / <unfinished \.\.\.>$/.exec(text)
    if (cut !== null) {
      unfinished.set(thread, text.slice(0, cut.index))
      continue
    }
    const resumed = /^<\.\.\. \w+ resumed>/.exec(text)
    const call = resumed === null ? text : `${unfinished.get(thread) ?? ''}${text.slice(resumed[0].length)}`
    const [, name = '', args = '', result = ''] = /^(\w+)\((.*)\)\s+= (\S+)/.exec(call) ?? []
    if (name === '' || result.startsWith('-')) continue
    if (/^open/.test(name) && !/O_(?:WRONLY|RDWR|CREAT|TRUNC)/.test(args)) continue
    // `AT_FDCWD</here>, "name"`: a name is relative to the folder that the descriptor before it stands for.
    for (const [, folder, path = ''] of args.matchAll(/(?:<([^>]*)>, )?"((?:[^"\\]|\\.)*)"/g))
      paths.add(resolve(folder ?? cwd, path))
  }
  return [...paths]
}
