import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'

const parts = process.env.APPALOFT_TEST_PARTS
const at = (name: string) => pathToFileURL(fileURLToPath(new URL(name, import.meta.url))).href

/** A program that starts an engine with a container in it, and tells what there is of it. */
const program = `
import { execFileSync } from 'node:child_process'
import { startEngine } from '${at('engine.mjs')}'
const engine = await startEngine({ parts: process.env.APPALOFT_TEST_PARTS })
const docker = (...args) => execFileSync(process.env.APPALOFT_TEST_DOCKER, ['--host', engine.host, ...args], { encoding: 'utf8', stdio: ['pipe', 'pipe', 'inherit'] })
execFileSync('/bin/sh', ['-c', '"$APPALOFT_TEST_DOCKER" save busybox:stable | "$APPALOFT_TEST_DOCKER" --host "$0" load', engine.host], { stdio: 'ignore' })
docker('network', 'create', 'inner')
docker('run', '--detach', '--network', 'inner', 'busybox:stable', 'sleep', '600')
console.log(JSON.stringify({ folder: engine.folder }))
setInterval(() => {}, 1000)
`

interface Told {
  pid: number
  folder: string
  network: number
}

async function startedElsewhere(): Promise<Told> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [text] = await once(child.stdout, 'data')
  const { folder } = JSON.parse(String(text)) as { folder: string }
  const { network } = JSON.parse(readFileSync(`${folder}/engine.json`, 'utf8')) as { network: number }
  return { pid: child.pid ?? 0, folder, network }
}

/** Everything on this machine that speaks of the engine. */
function tracesOf({ folder, network }: Told): string[] {
  const processes = readdirSync('/proc').flatMap((name) => {
    try {
      const argv = /^\d+$/.test(name) ? readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ') : ''
      return argv.includes(folder) ? [argv] : []
    } catch {
      return []
    }
  })
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.includes(folder))
  const links = execFileSync('ip', ['-o', '-4', 'addr'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(` 10.${network}.`))
  return [...processes, ...mounts, ...links, ...(existsSync(folder) ? [folder] : [])]
}

const gone = async (told: Told) => {
  await expect.poll(() => tracesOf(told), { timeout: 40_000, interval: 200 }).toEqual([])
}

const guardOf = ({ folder }: Told): number =>
  Number(
    readdirSync('/proc').find((name) => {
      try {
        return (
          /^\d+$/.test(name) &&
          /guard\.mjs\0/.test(readFileSync(`/proc/${name}/cmdline`, 'utf8')) &&
          readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(folder)
        )
      } catch {
        return false
      }
    }),
  )

describe.skipIf(parts === undefined)(
  'an engine of the tests’ own (skipped where none can be made: see the step engines)',
  () => {
    it('ends with all it runs when the process that started it is killed', async () => {
      const told = await startedElsewhere()
      expect(tracesOf(told).length).toBeGreaterThan(3)
      process.kill(told.pid, 'SIGKILL')
      await gone(told)
    })

    it('left by a run that was killed with its guard, is ended by the next run, which leaves a living one alone', async () => {
      const { endLeftovers } = (await import(at('engine.mjs'))) as { endLeftovers(): Promise<string[]> }
      const living = await startedElsewhere()
      const dead = await startedElsewhere()
      process.kill(guardOf(dead), 'SIGKILL')
      process.kill(dead.pid, 'SIGKILL')
      await expect.poll(async () => await endLeftovers(), { timeout: 20_000 }).toContain(dead.folder)
      await gone(dead)
      expect(existsSync(`${living.folder}/docker.sock`)).toBe(true)
      expect(tracesOf(living).some((one) => one.startsWith('dockerd '))).toBe(true)
      process.kill(living.pid, 'SIGTERM')
      await gone(living)
    })
  },
)
