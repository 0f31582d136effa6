import { AppaloftError, type CallOptions, type Host, type ProbeReport } from '@appaloft/core/spec'
import { socketFault } from './docker-socket.js'

type Check = ProbeReport['checks'][number]

const failBytes = 64 * 1024 * 1024
const warnBytes = 2 * 1024 * 1024 * 1024
const warnMemoryBytes = 256 * 1024 * 1024
/** Certificates and tokens of registries are judged by the clock. */
const warnClockMs = 60_000

/** One command tells all. Lines `name value`, without those that the machine cannot tell. */
const script = `
echo "time $(date +%s)"
df -Pk / | while read -r _ _ _ free _; do echo "disk $free"; done
[ -d "$1" ] && df -Pk "$1" | while read -r _ _ _ free _; do echo "docker $free"; done
while read -r name kib _; do case $name in MemAvailable:) echo "memory $kib" ;; esac; done </proc/meminfo
for table in /proc/net/tcp /proc/net/tcp6; do
  while read -r _ local _ state _; do
    [ "$state" = 0A ] || continue
    case $local in *:0050) echo "taken 80" ;; *:01BB) echo "taken 443" ;; esac
  done <$table
done
uname -srm | { read -r line; echo "system $line"; }
`

/** Is the machine reachable, does it let this user in and at Docker, and has it what releases need? Reads only. */
export async function probeMachine(
  host: Host,
  { socket, dockerRoot, proxied }: { socket: string; dockerRoot: string; proxied: boolean },
  { signal }: CallOptions = {},
): Promise<Check[]> {
  const options = {
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' },
    timeoutMs: 30_000,
    ...(signal === undefined ? {} : { signal }),
  }
  const began = Date.now()
  let told: Map<string, string[]>
  try {
    const { stdout } = await host.exec(['sh', '-c', script, 'sh', dockerRoot], options)
    told = new Map()
    for (const line of stdout.split('\n')) {
      const [, name = '', value = ''] = /^(\w+) (.*)$/.exec(line) ?? []
      told.set(name, [...(told.get(name) ?? []), value])
    }
  } catch (error) {
    signal?.throwIfAborted()
    if (!AppaloftError.isInstance(error)) throw error
    return [{ id: 'machine', status: 'failed', message: error.message, fix: error.recoveryHint }]
  }
  const middle = (began + Date.now()) / 2
  const access = await socketFault(host, socket, signal)
  return [
    {
      id: 'machine',
      status: 'passed',
      message: `${host.key} lets this user in and runs commands (${told.get('system')?.[0] ?? 'unknown'}).`,
    },
    access === null
      ? { id: 'docker-access', status: 'passed', message: `This user may use ${socket} there.` }
      : { id: 'docker-access', status: 'failed', ...access },
    ...diskChecks(told),
    ...memoryCheck(told),
    ...clockCheck(Number(told.get('time')?.[0]) * 1000 - middle),
    ...portChecks(new Set(told.get('taken')), proxied),
  ]
}

const mebibytes = (bytes: number) => `${Math.floor(bytes / 1024 / 1024)} MiB`

function diskChecks(told: ReadonlyMap<string, string[]>): Check[] {
  return [
    { id: 'disk', name: 'docker', of: 'that Docker keeps its things on' },
    { id: 'disk-system', name: 'disk', of: 'of its system' },
  ].flatMap(({ id, name, of }): Check[] => {
    const free = Number(told.get(name)?.at(-1)) * 1024
    if (Number.isNaN(free)) return []
    const message = `${mebibytes(free)} are free on the disk ${of}.`
    if (free >= warnBytes) return [{ id, status: 'passed', message }]
    const fix = 'Free space on the machine: let prune remove former releases, or run docker system prune there.'
    return [{ id, status: free < failBytes ? 'failed' : 'warning', message, fix }]
  })
}

function memoryCheck(told: ReadonlyMap<string, string[]>): Check[] {
  const free = Number(told.get('memory')?.[0]) * 1024
  if (Number.isNaN(free)) return []
  const message = `${mebibytes(free)} of memory are available.`
  if (free >= warnMemoryBytes) return [{ id: 'memory', status: 'passed', message }]
  return [
    {
      id: 'memory',
      status: 'warning',
      message,
      fix: 'Stop what is not needed there, add memory or swap, or build elsewhere.',
    },
  ]
}

function clockCheck(aheadMs: number): Check[] {
  if (Number.isNaN(aheadMs)) return []
  const seconds = Math.round(Math.abs(aheadMs) / 1000)
  if (Math.abs(aheadMs) < warnClockMs)
    return [{ id: 'clock', status: 'passed', message: 'Its clock agrees with the one here.' }]
  return [
    {
      id: 'clock',
      status: 'warning',
      message: `Its clock is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} the one here: certificates and registries may be refused.`,
      fix: 'Let the machine keep its time by itself: timedatectl set-ntp true.',
    },
  ]
}

/** Where a proxy serves there, somebody listens at these ports; where none does, it is the proxy that is missing. */
function portChecks(taken: ReadonlySet<string>, proxied: boolean): Check[] {
  if (!proxied) return []
  return ['80', '443'].map((port): Check => {
    const id = `port-${port}`
    if (taken.has(port)) return { id, status: 'passed', message: `Port ${port} is listened on.` }
    return {
      id,
      status: 'warning',
      message: `Nobody listens on port ${port} yet.`,
      fix: 'The proxy will, once it has a route; see that the machine’s firewall lets the port through.',
    }
  })
}
