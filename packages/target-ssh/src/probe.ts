import { AppaloftError, type CallOptions, type Host, type ProbeReport } from '@appaloft/core/spec'
import { engineFacts } from '@appaloft/target-docker'
import { forwardedSocket, socketFault, socketScript } from './docker-socket.js'
import { portChecks } from './ports.js'

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
while read -r name kib _; do case $name in MemAvailable:) echo "memory $kib" ;; esac; done </proc/meminfo
uname -srm | { read -r line; echo "system $line"; }
(${socketScript})
echo "socket $?"
`

/** Is the machine reachable, does it let this user in and at Docker, and has it what releases need? Reads only. */
export async function probeMachine(
  host: Host,
  { socket, ports }: { socket: string; ports: readonly number[] },
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
    const { stdout } = await host.exec(['sh', '-c', script, 'sh', socket], options)
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
  const access = socketFault(host, socket, Number(told.get('socket')?.[0]))
  // What only the engine can tell; that it does not answer is told by the checks of the target for Docker.
  const facts =
    access === null
      ? await engineFacts({ host: () => forwardedSocket(host, socket) }, { ...(signal && { signal }) }).catch(
          () => null,
        )
      : null
  return [
    {
      id: 'machine',
      status: 'passed',
      message: `${host.key} lets this user in and runs commands (${told.get('system')?.[0] ?? 'unknown'}).`,
    },
    access === null
      ? { id: 'docker-access', status: 'passed', message: `This user may use ${socket} there.` }
      : { id: 'docker-access', status: 'failed', ...access },
    ...(facts === null
      ? []
      : diskCheck('disk', await freeOn(host, facts.root, options), 'that Docker keeps its things on')),
    ...diskCheck('disk-system', kibibytes(told.get('disk')), 'of its system'),
    ...memoryCheck(told),
    ...clockCheck(Number(told.get('time')?.[0]) * 1000 - middle),
    ...(await portChecks(host, { ports, holders: facts?.holders ?? [] }, options)),
  ]
}

const mebibytes = (bytes: number) => `${Math.floor(bytes / 1024 / 1024)} MiB`

const kibibytes = (told: readonly string[] | undefined): number => Number(told?.at(-1)) * 1024

/** Of the disk that this folder is on, in bytes. */
async function freeOn(host: Host, folder: string, options: Parameters<Host['exec']>[1]): Promise<number> {
  const { stdout } = await host.exec(['df', '-Pk', folder], options)
  return Number(stdout.trim().split('\n').at(-1)?.split(/\s+/).at(3)) * 1024
}

function diskCheck(id: string, free: number, of: string): Check[] {
  if (Number.isNaN(free)) return []
  const message = `${mebibytes(free)} are free on the disk ${of}.`
  if (free >= warnBytes) return [{ id, status: 'passed', message }]
  const fix = 'Free space on the machine: let prune remove former releases, or run docker system prune there.'
  return [{ id, status: free < failBytes ? 'failed' : 'warning', message, fix }]
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
