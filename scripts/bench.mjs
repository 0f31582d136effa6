// `npm run bench`, after `npm run build`: how long a release takes to be live, beside the floor of the same machine in the same run.
//   --runs 9   releases of each kind
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createAppaloft } from '@appaloft/core'
import { node } from '@appaloft/planner-node'
import { staticSite } from '@appaloft/planner-static'
import { embedded } from '@appaloft/proxy-embedded'
import { sqlite } from '@appaloft/store-sqlite'
import { process as processes, shutdown } from '@appaloft/target-process'

const { values } = parseArgs({ options: { runs: { type: 'string', default: '9' } } })
const runs = Number(values.runs)
const folder = mkdtempSync(join(tmpdir(), 'appaloft-bench-'))
const stateDir = join(folder, 'state')
const app = join(folder, 'app')
const site = join(folder, 'site')

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]
const ms = (number) => `${number.toFixed(1)} ms`
const since = (started) => performance.now() - started

/** The answer's status and headers; null where nobody listens. */
const ask = (url) =>
  new Promise((resolve) => {
    http
      .get(url, { agent: false }, (answer) => answer.resume().on('end', () => resolve(answer)))
      .on('error', () => resolve(null))
  })
const firstAnswer = async (url, fits = () => true) => {
  for (const end = performance.now() + 30_000; performance.now() < end; ) {
    const answer = await ask(url)
    if (answer && fits(answer)) return
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  throw new Error(`${url} did not answer in 30 s`)
}
const freePort = () =>
  new Promise((resolve) => {
    const server = http.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
const switchLink = () => {
  symlinkSync(app, join(folder, 'next'))
  renameSync(join(folder, 'next'), join(folder, 'current'))
}

/** Nothing that starts a process, sees it answer and switches to it can be faster. */
const processFloor = async () => {
  const port = await freePort()
  const started = performance.now()
  const child = spawn(process.execPath, ['server.js'], { cwd: app, env: { ...process.env, PORT: String(port) } })
  await firstAnswer(`http://127.0.0.1:${port}/`)
  switchLink()
  const took = since(started)
  await new Promise((resolve) => child.once('exit', resolve).kill('SIGKILL'))
  return took
}
/** The same for files: they are switched to, and answered from a server that runs. */
const staticFloor = async () => {
  const server = http.createServer((_, answer) => answer.end('hello'))
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const started = performance.now()
  switchLink()
  await firstAnswer(`http://127.0.0.1:${server.address().port}/`)
  const took = since(started)
  server.close()
  return took
}
const repeat = async (work) => {
  const found = []
  for (let run = 0; run < runs; run++) found.push(await work(run))
  return found
}

mkdirSync(app)
mkdirSync(site)
const manifest = { name: 'bench', private: true, type: 'module', scripts: { start: 'node server.js' } }
writeFileSync(join(app, 'package.json'), JSON.stringify(manifest))
writeFileSync(
  join(app, 'server.js'),
  `import { createServer } from 'node:http'
createServer((_, answer) => answer.end('hello')).listen(process.env.PORT ?? 3000, '127.0.0.1')
`,
)
writeFileSync(join(site, 'index.html'), 'release first')

const appaloft = createAppaloft({
  stateDir,
  store: sqlite({ path: join(stateDir, 'appaloft.db') }),
  targets: [processes({ proxy: embedded() })],
  planners: [node(), staticSite()],
})

/** From the call to the moved traffic; and from the promotion's begin to the first answer that a user gets of the new release. */
const deploy = async (resource, url) => {
  let promoting = 0
  const started = performance.now()
  const handle = await appaloft.deployments.create(
    { resource },
    {
      onEvent: ({ type, step }) => {
        if (type === 'step-started' && step === 'promote') promoting = performance.now()
      },
    },
  )
  const isNew = ({ headers }) => headers['x-appaloft-deployment'] === handle.id
  const seen = url ? firstAnswer(url, isNew).then(() => performance.now()) : null
  seen?.catch(() => undefined)
  await handle.promoted
  const live = since(started)
  const visible = seen ? (await seen) - promoting : Number.NaN
  const deployment = await handle.done
  if (deployment.status !== 'succeeded') throw new Error(`${deployment.status}: ${deployment.failure?.message}`)
  return { live, visible, url: deployment.accessUrls[0] }
}

const measure = async (name, floor, resourceOf) => {
  const floors = await repeat(floor)
  const first = await deploy(resourceOf('first'))
  const releases = await repeat((run) => deploy(resourceOf(String(run)), first.url))
  const live = median(releases.map((release) => release.live))
  const least = median(floors)
  console.log(name)
  console.log(`  floor            ${ms(least)}`)
  console.log(`  first release    ${ms(first.live)}`)
  console.log(`  later releases   ${ms(live)}, ${(live / least).toFixed(2)} × the floor`)
  console.log(`  promotion seen   ${ms(median(releases.map((release) => release.visible)))} after its step began`)
}

try {
  console.log(`Medians of ${runs}, Node ${process.version}.`)
  await measure('A process, its build unchanged', processFloor, (run) => ({
    id: 'res_bench_app',
    source: { kind: 'local-folder', path: app },
    environment: { RUN: { value: run } },
  }))
  await measure('A static site, one file changed', staticFloor, (run) => {
    writeFileSync(join(site, 'index.html'), `release ${run}`)
    return { id: 'res_bench_site', source: { kind: 'local-folder', path: site } }
  })
} finally {
  await appaloft.close({ mode: 'cancel' })
  await shutdown(stateDir, { force: true })
  rmSync(folder, { recursive: true, force: true })
}
