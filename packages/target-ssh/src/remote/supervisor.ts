import { quoted } from './quote.js'

export interface Supervised {
  argv: readonly [string, ...string[]]
  cwd?: string | undefined
  env: Readonly<Record<string, string>>
  /** Random: marks the begin and the end of what the command prints, and names it for the guard. */
  mark: string
  /** The guard's folder. */
  folder: string
  graceMs: number
}

/** Those that a shell keeps for itself: it would refuse to set them, or change them. `env` sets them, in its arguments. */
const reserved = new Set(
  (
    '_ BASHOPTS BASHPID BASH_ARGV0 BASH_VERSINFO COMP_WORDBREAKS DIRSTACK EPOCHREALTIME EPOCHSECONDS EUID FUNCNAME GROUPS HISTCMD IFS LINENO ' +
    'OLDPWD OPTARG OPTIND PPID PWD RANDOM SECONDS SHELLOPTS SHLVL SRANDOM UID'
  ).split(' '),
)
/** What shells set by themselves. */
const own = ['PWD', 'OLDPWD', 'SHLVL', '_', 'HOME', 'PATH']

/**
 * Runs one command in a session of its own, tells that it began and how it ended, and ends all of its group: when it has ended, and when
 * it is told to by SIGTERM. The shell that reads it has found `env` and `setsid`. Environment and arguments stand in the program, which comes through standard input; what follows there is the
 * command's own.
 *
 * Each stream is framed by the mark. Ends: `exit CODE`, `not-found`, `no-folder`, `no-setsid`, `stopped` (before it began), `gone` (no guard).
 */
export const supervisorProgram = ({ argv, cwd, env, mark, folder, graceMs }: Supervised): string => {
  const exported = Object.entries(env).filter(([name]) => !reserved.has(name))
  const assigned = Object.entries(env).filter(([name]) => reserved.has(name))
  const unset = own.filter((name) => !(name in env))
  const envArguments = [
    ...unset.flatMap((name) => ['-u', name]),
    ...assigned.map(([name, value]) => quoted(`${name}=${value}`)),
  ].join(' ')
  return `
exec 3<&0 4>&2 5>&1 </dev/null >/dev/null 2>/dev/null
d=${quoted(folder)} m=${mark}
echo $m >&4
echo $m >&5 || exit
finish() {
  echo $m >&4
  echo "$m $*" >&5
  rm -f "$d/s.$m" "$d/x.$m"
  exit 0
}
living() {
  g=$1 a=
  for f in /proc/[0-9]*/stat; do
    IFS= read -r l <"$f" || continue
    i=\${l%% *}
    set -- \${l##*) }
    case $1 in Z | X | x) continue ;; esac
    if [ "$i" = "$g" ] || [ "$3" = "$g" ] || [ "$4" = "$g" ]; then a="$a $i"; fi
  done
  if [ ! -e /proc/self/stat ]; then a=-$g; fi
}
over() {
  # It leads no group before setsid has run.
  kill -0 "-$p" || kill -0 "$p" || return 0
  living "$p"
  [ -z "$a" ]
}
await() {
  k=0
  while [ $k -lt "$1" ]; do
    over && return 0
    if [ -n "$2" ]; then kill -KILL $a; fi
    sleep 0.05 || sleep 1
    k=$((k + 50))
  done
  over
}
endgroup() {
  over && return
  kill -TERM $a
  kill -CONT $a
  await "$1" '' || await 10000 1
}
p= t=
trap 'if [ -n "$p" ]; then endgroup ${graceMs}; else t=1; fi' TERM HUP
echo $$ >"$d/s.$m" || finish gone
[ -e "$d/x.$m" ] && finish stopped
[ -n "$s" ] || finish no-setsid
${cwd === undefined ? '' : `cd -- ${quoted(cwd)} || finish no-folder`}
set -- ${argv.map(quoted).join(' ')}
c=$1
shift
case $c in
*/*) [ -f "$c" ] && [ -x "$c" ] || finish not-found ;;
*)
  o=$IFS IFS=: f=$c c=
  set -f
  for h in ${env.PATH === undefined ? '$PATH' : quotedPath(env.PATH)}; do
    if [ -f "\${h:-.}/$f" ] && [ -x "\${h:-.}/$f" ]; then c=\${h:-.}/$f; break; fi
  done
  set +f
  IFS=$o
  [ -n "$c" ] || finish not-found
  ;;
esac
[ -n "$t" ] && finish stopped
(
${exported.map(([name, value]) => `  export ${name}=${quoted(value)}`).join('\n')}
  case $c in
  *=*) exec "$s" "$c" "$@" ;;
  *) exec "$s" "$e" ${envArguments} "$c" "$@" ;;
  esac
) <&3 >&5 2>&4 3<&- 4>&- 5>&- &
p=$!
exec 3<&-
if [ -n "$t" ]; then endgroup ${graceMs}; fi
wait $p
r=$?
# A signal to this shell ends the wait, not the command.
if kill -0 $p; then wait $p; r=$?; fi
endgroup ${Math.min(graceMs, 1000)}
finish exit $r
`
}

/** As words that the shell splits at colons. */
const quotedPath = (path: string) =>
  path
    .split(':')
    .map((folder) => (folder === '' ? '.' : quoted(folder)))
    .join(' ')
