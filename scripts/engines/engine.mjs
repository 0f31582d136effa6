import { spawn } from 'node:child_process'
import {
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { mountDisk } from './disk.mjs'
import { claimNetwork, releaseNetwork } from './network.mjs'
import { partsEnvironment } from './parts.mjs'
import { attempt, identify, isAlive, until } from './shell.mjs'

/** Folders of engines begin so, each with a note of what was made for it: only what such a note names is ever ended or removed. */
const prefix = 'appaloft-engine-'

const noteOf = (folder) => join(folder, 'engine.json')
const readNote = (folder) => {
  try {
    return JSON.parse(readFileSync(noteOf(folder), 'utf8'))
  } catch {
    return null
  }
}
const writeNote = (folder, change) => {
  const note = { ...readNote(folder), ...change }
  writeFileSync(`${noteOf(folder)}.new`, JSON.stringify(note))
  renameSync(`${noteOf(folder)}.new`, noteOf(folder))
}

/**
 * Starts a Docker Engine of the tests' own, on a socket in a folder of its own. It ends when this process does, however that happens.
 * @param {{ parts: string, dockerd?: string[], diskMiB?: number }} options `dockerd`: further arguments, such as `--live-restore`; `diskMiB`: its
 * images, containers and volumes have a disk of that size for themselves
 */
export async function startEngine({ parts, dockerd = [], diskMiB }) {
  const folder = mkdtempSync(join(tmpdir(), prefix))
  writeNote(folder, { parts, owner: identify(process.pid) })
  const guard = watch(folder)
  const env = { ...process.env, ...partsEnvironment(parts) }
  try {
    if (diskMiB !== undefined) await mountDisk(join(folder, 'data'), diskMiB, env)
    const network = await claimNetwork(env, (change) => writeNote(folder, change))
    const args = [
      ...['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec'), '--pidfile', join(folder, 'pid')],
      ...['--host', `unix://${join(folder, 'docker.sock')}`, '--bridge', network.bridge],
      ...['--iptables=false', '--ip-masq=false', '--default-address-pool', network.pool],
      ...['--shutdown-timeout', '2', '--log-level', 'warn', ...dockerd],
    ]
    const engine = {
      folder,
      host: `unix://${join(folder, 'docker.sock')}`,
      /** Starts dockerd, also again after it was stopped. */
      start: () => startDaemon(folder, args, env),
      /** Ends dockerd alone, as an administrator or a crash would; what it leaves running stays. */
      stop: (signal = 'SIGTERM') => stopDaemon(folder, signal),
      /** Ends everything and removes it. Idempotent. */
      close: async () => {
        await endEngine(folder)
        guard.stdin.destroy()
      },
    }
    await engine.start()
    return engine
  } catch (error) {
    await endEngine(folder)
    guard.stdin.destroy()
    throw error
  }
}

/**
 * Where nobody reaps the dead, a killed process stays as a zombie: Docker would take it for one that runs, and wait for it. That of a dockerd
 * which crashed is killed along with it, but a moment later.
 */
async function forgetDead(file) {
  try {
    const pid = Number(readFileSync(file, 'utf8'))
    await until(5_000, async () => (identify(pid).startTime === null ? true : null))
    if (identify(pid).startTime === null) rmSync(file)
  } catch {}
}

async function startDaemon(folder, args, env) {
  for (const file of ['pid', 'exec/containerd/containerd.pid']) await forgetDead(join(folder, file))
  const log = openSync(join(folder, 'dockerd.log'), 'a')
  const child = spawn('dockerd', args, { env, detached: true, stdio: ['ignore', log, log] })
  child.on('error', () => undefined)
  child.unref()
  if (child.pid !== undefined) writeNote(folder, { dockerd: identify(child.pid) })
  const docker = ['--host', `unix://${join(folder, 'docker.sock')}`, 'version', '--format', '{{.Server.Version}}']
  const up = await until(30_000, async () => {
    if (child.exitCode !== null || child.pid === undefined) return false
    return existsSync(join(folder, 'docker.sock')) ? await attempt('docker', docker, { env }) : null
  })
  if (typeof up === 'string') return
  const said = readFileSync(join(folder, 'dockerd.log'), 'utf8').trim().split('\n').at(-1)
  throw new Error(`dockerd did not start: ${said}`)
}

async function stopDaemon(folder, signal) {
  const { dockerd } = readNote(folder) ?? {}
  if (!isAlive(dockerd)) return
  process.kill(dockerd.pid, signal)
  const gone = await until(15_000, async () => (isAlive(dockerd) ? null : true))
  if (gone === null) process.kill(dockerd.pid, 'SIGKILL')
}

/** A process that outlives this one by as long as it takes to end the engine, whatever ends this one. */
function watch(folder) {
  const child = spawn(process.execPath, [fileURLToPath(new URL('guard.mjs', import.meta.url)), folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  child.unref()
  child.stdin.unref?.()
  child.stdin.on('error', () => undefined)
  return child
}

/** Ends and removes what the note in the folder names. Idempotent; several may do it at once. */
export async function endEngine(folder) {
  const note = readNote(folder)
  if (note === null) return
  const env = { ...process.env, ...(note.parts === undefined ? {} : partsEnvironment(note.parts)) }
  const docker = (...args) =>
    attempt('docker', ['--host', `unix://${join(folder, 'docker.sock')}`, ...args], { env, timeout: 20_000 })
  if (isAlive(note.dockerd)) {
    const running = (await docker('ps', '--quiet', '--no-trunc'))?.trim().split('\n').filter(Boolean) ?? []
    if (running.length > 0) await docker('kill', ...running)
  }
  await stopDaemon(folder, 'SIGTERM')
  for (let round = 0; round < 50; round += 1) {
    const left = processesOf(folder)
    if (left.length === 0) break
    for (const pid of left) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {}
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  await unmountBelow(folder)
  if (typeof note.network === 'number') await releaseNetwork(note.network, env)
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}

/** By the folder in their arguments, or by a control group named after one of its containers. */
function processesOf(folder) {
  const containers = existsSync(join(folder, 'data/containers')) ? readdirSync(join(folder, 'data/containers')) : []
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name)
    if (!Number.isInteger(pid) || pid === process.pid) return []
    try {
      if (/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) return []
      const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
      const program = argv[0]?.split('/').at(-1) ?? ''
      const named =
        /^(dockerd|containerd|containerd-shim.*|runc)$/.test(program) && argv.some((one) => one.includes(`${folder}/`))
      const groups = readFileSync(`/proc/${pid}/cgroup`, 'utf8')
      return named || containers.some((id) => groups.includes(id)) ? [pid] : []
    } catch {
      return []
    }
  })
}

async function unmountBelow(folder) {
  const below = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((place) => place.startsWith(`${folder}/`))
  for (const place of below.sort().reverse()) await attempt('umount', ['-l', place])
}

/** Engines whose owner is gone, left by a run that was killed together with its guard. */
export async function endLeftovers() {
  const ended = []
  for (const name of readdirSync(tmpdir())) {
    const folder = join(tmpdir(), name)
    if (!name.startsWith(prefix) || readNote(folder) === null || isAlive(readNote(folder).owner)) continue
    await endEngine(folder)
    ended.push(folder)
  }
  return ended
}
