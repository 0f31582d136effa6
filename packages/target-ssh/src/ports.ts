import type { Host, ProbeReport } from '@appaloft/core/spec'
import type { PortHolder } from '@appaloft/target-docker'

type Check = ProbeReport['checks'][number]

/**
 * Who listens at these ports: lines `listen PORT UID`, and `holder PORT PID NAME` where this user may see whose it is. The sockets of all
 * processes are looked through once, without a program for each.
 */
const script = `
inodes=
for table in /proc/net/tcp /proc/net/tcp6; do
  [ -r $table ] || continue
  while read -r _ local _ state _ _ _ uid _ inode _; do
    [ "$state" = 0A ] || continue
    for port; do
      [ "$(printf %04X "$port")" = "\${local##*:}" ] || continue
      echo "listen $port $uid"
      inodes="$inodes $port:$inode"
    done
  done <$table
done
[ -n "$inodes" ] || exit 0
ls -l /proc/[0-9]*/fd 2>/dev/null | while read -r line; do
  case $line in
    /proc/*) pid=\${line#/proc/} pid=\${pid%%/*} ;;
    *' socket:['*)
      for one in $inodes; do
        case $line in *"socket:[\${one#*:}]") read -r name </proc/$pid/comm && echo "holder \${one%%:*} $pid $name" ;; esac
      done ;;
  esac
done
exit 0
`

/** Is who listens at the ports of users the proxy, or somebody in its way? */
export async function portChecks(
  host: Host,
  { ports, holders }: { ports: readonly number[]; holders: readonly PortHolder[] },
  options: Parameters<Host['exec']>[1] = {},
): Promise<Check[]> {
  if (ports.length === 0) return []
  const { stdout } = await host.exec(['sh', '-c', script, 'sh', ...ports.map(String)], options)
  const lines = stdout.split('\n').map((line) => line.split(' '))
  const of = (what: string, port: number) => lines.filter(([kind, at]) => kind === what && at === String(port))
  return ports.map((port) => {
    const [listener] = of('listen', port)
    const seen = of('holder', port).map(([, , pid, ...name]) => ({ pid: Number(pid), name: name.join(' ') }))
    return checkOf(port, listener === undefined ? null : Number(listener[2]), seen, holders)
  })
}

function checkOf(
  port: number,
  uid: number | null,
  seen: readonly { pid: number; name: string }[],
  holders: readonly PortHolder[],
): Check {
  const id = `port-${port}`
  const passed = (message: string): Check => ({ id, status: 'passed', message })
  const failed = (who: string, stop: string): Check => ({
    id,
    status: 'failed',
    message: `Port ${port} is taken by ${who}.`,
    fix: `${stop}, or let the proxy listen elsewhere by its options http and https.`,
  })
  if (uid === null) return passed(`Port ${port} is free: the proxy listens there once it has a route.`)
  const [first] = seen
  const container =
    holders.find(({ ports }) => ports?.includes(port)) ??
    holders.find(({ pid, ports }) => ports === null && seen.some((one) => one.pid === pid))
  if (container?.ours === 'proxy') return passed(`Caddy’s container ${container.name} listens on port ${port}.`)
  if (container !== undefined && !/caddy/.test(container.image)) {
    const whose = container.ours === 'release' ? 'of a release' : 'that is not ours'
    return failed(`the container ${container.name}, ${whose}`, `Stop it there (docker stop ${container.name})`)
  }
  if (container !== undefined) return passed(`The container ${container.name} of Caddy listens on port ${port}.`)
  if (first !== undefined && first.name !== 'caddy')
    return failed(
      `the program ${first.name} (process ${first.pid})`,
      `Stop it there (systemctl disable --now ${first.name}, where it is a service)`,
    )
  if (first !== undefined) return passed(`Caddy (process ${first.pid}) listens on port ${port}.`)
  // A program that this user may not look at: with the machine's network, our Caddy is one.
  const own = holders.find(({ ours, ports }) => ours === 'proxy' && ports === null)
  if (own !== undefined) return passed(`Somebody listens on port ${port}, as Caddy’s container ${own.name} should.`)
  return {
    id,
    status: 'warning',
    message: `A program of the user ${uid} listens on port ${port}, and this user may not see which.`,
    fix: `Look there as root (ss -ltnp 'sport = :${port}'): if it is not the proxy, stop it, or let the proxy listen elsewhere.`,
  }
}
