// How soon a broken release is told: from the moment at which it could be known to the event that says so.
import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { createAppaloft } from '@appaloft/core'
import { image } from '@appaloft/planner-image'
import { sqlite } from '@appaloft/store-sqlite'
import { docker } from '@appaloft/target-docker'
import { startEngines } from '../engines/index.mjs'
import { freePort } from './docker/api.mjs'
import { median, ms, row, title } from './measure.mjs'

const aimMs = 300
const base = `node:${process.versions.node.split('.')[0]}-slim`
const script = (text) => ['node', '-e', text]
const health = { startPeriodSeconds: 0.5, intervalSeconds: 0.1, retries: 2, timeoutSeconds: 1 }
const startCommand = script("require('http').createServer((q, a) => a.end()).listen(3000)")
const answering = script(
  "require('http').createServer((q, a) => { a.statusCode = 500; a.end(() => console.log('at ' + Date.now())) }).listen(3000)",
)
/** What is deployed, and what tells when it could be known: the end of its container, or what it printed with its last answer. */
const broken = {
  'exits as it starts': { runtime: { startCommand: script('process.exit(3)') } },
  'exits after a while': { runtime: { startCommand: script('setTimeout(() => process.exit(3), 400)') } },
  'exits beside a health command': {
    runtime: { startCommand: script('setTimeout(() => process.exit(3), 700)') },
    health: { ...health, startPeriodSeconds: 60, type: 'command', command: ['false'] },
  },
  'killed for memory': {
    runtime: {
      startCommand: script('const all = []; for (;;) all.push(Buffer.alloc(1e7, 1))'),
      resources: { memoryMiB: 64 },
    },
  },
  'release command': { runtime: { releaseCommand: script('process.exit(4)'), startCommand } },
  'answers 500': { runtime: { startCommand: answering }, said: true },
}

/** When containers end, as the engine says it. */
function watchEnds(host = 'unix:///var/run/docker.sock') {
  const ends = new Map()
  const path = `/events?filters=${encodeURIComponent(JSON.stringify({ event: ['die'] }))}`
  const request = http.get({ socketPath: host.replace('unix://', ''), path }, (answer) => {
    let rest = ''
    answer.setEncoding('utf8').on('data', (chunk) => {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop()
      for (const { timeNano, Actor } of lines.filter(Boolean).map((line) => JSON.parse(line))) {
        const id = Actor.Attributes['appaloft.deployment']
        if (!ends.has(id)) ends.set(id, timeNano / 1e6)
      }
    })
    answer.on('error', () => undefined)
  })
  request.on('error', () => undefined)
  return { ends, close: () => request.destroy() }
}

const reports = ({ type, data }) =>
  type === 'step-failed' || type === 'phase-failed' || (type === 'check-observed' && data.status === 'failed')

async function told(appaloft, watch, change) {
  const { said, ...profiles } = change
  let at = Number.NaN
  const onEvent = (event) => {
    if (Number.isNaN(at) && reports(event)) at = Date.now()
  }
  const resource = {
    id: 'res_broken',
    source: { kind: 'docker-image', image: base },
    network: { exposure: 'direct-port', internalPort: 3000, hostPort: freePort() },
    health,
    ...profiles,
  }
  const handle = await appaloft.deployments.create({ resource }, { onEvent })
  const { failure } = await handle.done
  const lines = failure.lastLogs.join('\n')
  return (
    at -
    (said
      ? Number(
          lines
            .match(/at (\d+)/g)
            .at(-1)
            .slice(3),
        )
      : watch.ends.get(handle.id))
  )
}

export async function failures({ runs }) {
  title('Broken releases on a Docker Engine, from when it could be known to the event that tells it')
  const engines =
    process.env.APPALOFT_TEST_ENGINE === undefined
      ? await startEngines({ say: () => undefined })
      : { env: {}, close: async () => undefined }
  if (engines.env === null) return row('not measured', engines.why)
  Object.assign(process.env, engines.env)
  const stateDir = mkdtempSync(join(tmpdir(), 'appaloft-bench-'))
  const watch = watchEnds(process.env.DOCKER_HOST)
  const target = docker({ scope: `bench-${process.pid}`, pull: 'missing' })
  const appaloft = createAppaloft({
    stateDir,
    store: sqlite({ path: join(stateDir, 'appaloft.db') }),
    planners: [image()],
    targets: [target],
  })
  try {
    for (const [name, change] of Object.entries(broken)) {
      const found = []
      for (let run = 0; run <= runs; run++) found.push(await told(appaloft, watch, change))
      const [, ...warm] = found
      row(name.padEnd(30), `${ms(median(warm))}, at most ${ms(Math.max(...warm))} (aim: ${aimMs})`)
    }
    await appaloft.resources.remove('res_broken', { volumes: true })
  } finally {
    await appaloft.close()
    watch.close()
    rmSync(stateDir, { recursive: true, force: true })
    await engines.close()
  }
}
