// An image from the engine here to that of a machine behind SSH: what `build: 'local'` sends, beside `docker save | docker load` on the same way.
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, connect as dial } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { pipeline } from 'node:stream/promises'
import { ssh, sshHost } from '@appaloft/target-ssh'
import { samplePlan, sampleRelease } from '@appaloft/testkit'
import { startEngine } from '../engines/engine.mjs'
import { startEngines } from '../engines/index.mjs'
import { provideSshd } from '../engines/sshd.mjs'
import { baseImage } from './docker/source.mjs'
import { median, row, since, title } from './measure.mjs'
import { startSshd } from './ssh/sshd.mjs'

const megabytes = (bytes) => (bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`)

export async function uploadBench({ runs }) {
  const given = process.env.APPALOFT_TEST_PARTS !== undefined
  const engines = given ? { env: {}, close: async () => undefined } : await startEngines({ say: () => undefined })
  const parts = engines.env === null ? [engines] : [await provideSshd()]
  const why = parts.find(({ env }) => env === null)?.why
  if (why === undefined) Object.assign(process.env, engines.env, ...parts.map(({ env }) => env))
  title('An image of Node and an application, to a machine behind SSH: time, and bytes on the line')
  if (why !== undefined || process.env.APPALOFT_TEST_PARTS === undefined) {
    row('not measured', why ?? 'a second engine needs programs of the tests’ own')
    await engines.close()
    return
  }
  const folder = mkdtempSync(join(tmpdir(), 'appaloft-bench-'))
  const opened = [async () => rmSync(folder, { recursive: true, force: true }), engines.close]
  const open = (one) => {
    opened.unshift(one.close)
    return one
  }
  try {
    const sshd = open(await startSshd(process.env))
    const line = open(await counted(sshd.options(0).port))
    const found = { floor: [[], [], []], ours: [[], [], []] }
    for (let run = 0; run < Math.min(runs, 5); run++)
      // Each on an engine that has nothing yet.
      for (const kind of ['floor', 'ours']) {
        const far = await startEngine({ parts: process.env.APPALOFT_TEST_PARTS })
        try {
          const place = { far, line, folder, options: { ...sshd.options(0), port: line.port } }
          for (const [at, one] of (await releases(kind, place, `${run}-${kind}`)).entries()) found[kind][at].push(one)
        } finally {
          await far.close()
        }
      }
    for (const [at, name] of ['the first release', 'its code changed', 'nothing changed'].entries())
      for (const [kind, who] of [
        ['floor', 'save | load'],
        ['ours', 'build: local'],
      ]) {
        const of = (key) => median(found[kind][at].map((one) => one[key]))
        row(name, `${who.padEnd(13)} ${of('ms').toFixed(0).padStart(6)} ms ${megabytes(of('bytes')).padStart(9)}`)
      }
  } finally {
    for (const close of opened) await close()
  }
}

/** Three releases: the first, one with other code, and the same again. What bringing each there took. */
async function releases(kind, { far, line, folder, options }, name) {
  const cli = process.env.APPALOFT_TEST_DOCKER ?? 'docker'
  const socket = far.host.replace('unix://', '')
  const host = sshHost(options)
  const scope = `bench-${process.pid}-${name}`.slice(0, 20)
  const target = ssh({ host, socket, cli, scope, build: 'local', pull: 'missing' })
  await target.open({ stateDir: join(folder, 'state') })
  const { address } = await host.forward({ kind: 'unix', path: socket })
  const stays = randomBytes(4_000_000)
  const made = []
  const told = []
  try {
    for (const code of ['one', 'two', 'two']) {
      const source = mkdtempSync(join(folder, 'source-'))
      mkdirSync(join(source, 'lib'))
      writeFileSync(join(source, 'lib/large'), stays)
      writeFileSync(join(source, 'server.js'), `console.log('${name} ${code}')\n`)
      writeFileSync(join(source, 'Dockerfile'), `FROM ${baseImage}\nCOPY lib /lib-of-app\nCOPY server.js /\n`)
      const plan = samplePlan({ artifact: { kind: 'dockerfile', context: '.', dockerfilePath: 'Dockerfile' } })
      const ref = { resourceId: 'res_bench', deploymentId: 'dep_bench', releaseId: 'rel_bench' }
      const call = { ...ref, token: 1, signal: new AbortController().signal, log: () => undefined }
      const common = { ...call, environment: {}, secretNames: [] }
      const inputsDigest = `${name} ${code}`
      const { artifact } = await target.build({
        ...common,
        plan,
        sourceDirectory: source,
        inputsDigest,
        noCache: false,
      })
      const release = sampleRelease({ resourceId: ref.resourceId, plan, artifact })
      made.push(release)
      const before = line.bytes()
      const began = performance.now()
      if (kind === 'ours') await target.upload({ ...common, release })
      else await saved(cli, artifact.image, `unix://${address.path}`)
      told.push({ ms: since(began), bytes: line.bytes() - before })
    }
    return told
  } finally {
    for (const release of made) await target.discard(release, 1, { retained: [] })
    await target.close()
    await host.close()
  }
}

async function saved(cli, image, to) {
  const save = spawn(cli, ['save', image], { stdio: ['ignore', 'pipe', 'inherit'] })
  const load = spawn(cli, ['--host', to, 'load'], { stdio: ['pipe', 'ignore', 'inherit'] })
  const ended = new Promise((resolve) => load.once('exit', resolve))
  await pipeline(save.stdout, load.stdin)
  await ended
}

/** A port of this machine that leads to another one and counts what passes. */
async function counted(port) {
  let bytes = 0
  const server = createServer((near) => {
    const far = dial(port, '127.0.0.1')
    for (const [from, to] of [
      [near, far],
      [far, near],
    ]) {
      from.on('data', (chunk) => {
        bytes += chunk.length
      })
      from.on('error', () => to.destroy())
      from.pipe(to)
    }
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: server.address().port, bytes: () => bytes, close: async () => void server.close() }
}
