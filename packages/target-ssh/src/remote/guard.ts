/** Where commands are kept account of on the far side: a folder in memory where there is one, since the disk may be full. */
const folders = '/dev/shm "$XDG_RUNTIME_DIR" /tmp /var/tmp "$HOME"'

/**
 * Runs as long as a connection: it hears on standard input which commands to stop, and ends all of them when the connection is lost, which it
 * notices by the end of its input or by silence. Commands register themselves in its folder, each by its name.
 *
 * In: `stop NAME`, `ping NAME`, `beat`. Out, each line after the mark: `ready FOLDER`, `pong NAME`, `told NAME`, `never NAME` (it has not begun, and will not).
 * `silenceSeconds`: without any line for as long the connection counts as lost.
 */
export const guardProgram = (mark: string, silenceSeconds: number): string => `
umask 077
trap '' HUP INT
exec 2>/dev/null
d=
for b in ${folders}; do
  [ -n "$b" ] && d=$(mktemp -d "$b/appaloft.XXXXXX") && break
done
[ -n "$d" ] || { echo ${mark} nowhere; exit 1; }
bye() {
  # Renamed first: whoever comes to register from now on finds no folder, and does not begin.
  mv "$d" "$d.end"
  for f in "$d.end"/s.*; do
    read -r q <"$f" && kill -TERM "$q"
  done
  i=0
  while [ $i -lt 600 ]; do
    w=
    for f in "$d.end"/s.*; do
      read -r q <"$f" && kill -0 "$q" && w=1
    done
    [ -n "$w" ] || break
    sleep 0.1 || sleep 1
    i=$((i + 1))
  done
  rm -rf "$d.end"
}
echo 0 >"$d/beats"
(
  exec </dev/null >/dev/null
  o=
  while sleep ${silenceSeconds}; do
    read -r v <"$d/beats" || exit
    if [ "$v" = "$o" ]; then bye; kill -KILL $$; exit; fi
    o=$v
  done
) &
watcher=$!
echo ${mark} ready "$d"
c=0
while read -r verb name; do
  case $verb in
  beat)
    c=$((c + 1))
    echo $c >"$d/beats"
    ;;
  ping) echo ${mark} pong "$name" ;;
  stop)
    : >"$d/x.$name"
    if read -r q <"$d/s.$name"; then
      kill -TERM "$q"
      echo ${mark} told "$name"
    else
      echo ${mark} never "$name"
    fi
    ;;
  esac
done
kill $watcher
exec >/dev/null
bye
`
