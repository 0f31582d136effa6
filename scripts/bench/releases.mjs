import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { createAppaloft } from '@appaloft/core'
import { node } from '@appaloft/planner-node'
import { staticSite } from '@appaloft/planner-static'
import { embedded } from '@appaloft/proxy-embedded'
import { sqlite } from '@appaloft/store-sqlite'
import { process as processes, shutdown } from '@appaloft/target-process'
import { fileFloor, processFloor, writeServer } from './floors.mjs'
import { firstAnswer, median, ms, repeat, row, since, times, title } from './measure.mjs'

/** How long a release takes to be live, beside the floor of the same machine in the same run: one of each, in turn. */
export async function releases({ runs, trace }) {
  const folder = mkdtempSync(join(tmpdir(), 'appaloft-bench-'))
  const stateDir = join(folder, 'state')
  const folderOf = (name) => {
    mkdirSync(join(folder, name))
    return join(folder, name)
  }
  const manifest = { name: 'bench', private: true, type: 'module', scripts: { start: 'node server.js' } }
  const appOf = (name, ...before) => {
    const app = folderOf(name)
    writeFileSync(join(app, 'package.json'), JSON.stringify(manifest))
    writeServer(app, 'server.js', "'hello'", ...before)
    return app
  }
  const small = appOf('small')
  // As what most servers load before they listen: some hundred files.
  const usual = appOf('usual', `import '${import.meta.resolve('zod')}'`)
  const site = folderOf('site')
  writeFileSync(join(site, 'index.html'), 'release first')
  const server = folderOf('server')
  writeFileSync(join(server, 'index.html'), 'hello')
  writeServer(server, 'server.mjs', "readFileSync('index.html')", "import { readFileSync } from 'node:fs'")

  const appaloft = createAppaloft({
    stateDir,
    store: sqlite({ path: join(stateDir, 'appaloft.db') }),
    targets: [processes({ proxy: embedded() })],
    planners: [node(), staticSite()],
  })
  const measure = async (name, resourceOf, floors) => {
    const first = await deploy(appaloft, resourceOf('first'))
    const found = await repeat(runs, async (run) => {
      const measured = {}
      for (const [key, floor] of Object.entries(floors)) measured[key] = await floor()
      return { ...measured, ...(await deploy(appaloft, resourceOf(String(run)), first.url)) }
    })
    const of = (key) => median(found.map((one) => one[key]))
    title(name)
    row('floor', `${ms(of('floor'))} (start a server, first answer, one rename)`)
    row('first release', ms(first.live))
    row('later releases', `${ms(of('live'))}, ${times(of('live') / of('floor'))} the floor`)
    row('promotion seen', `${ms(of('visible'))} after its step began`)
    if (floors.files)
      row(
        'files alone',
        `${ms(of('files'))} (one rename, a server that runs answers): ${times(of('live') / of('files'))}`,
      )
    if (trace) showTrace(found)
  }
  try {
    const process = (name, app) =>
      measure(
        name,
        (run) => ({
          id: `res_bench_${basename(app)}`,
          source: { kind: 'local-folder', path: app },
          environment: { RUN: { value: run } },
        }),
        { floor: () => processFloor(app, 'server.js') },
      )
    await process('The smallest server there is, its build unchanged', small)
    await process('A server that loads what servers load, its build unchanged', usual)
    await measure(
      'A static site, one file changed',
      (run) => {
        writeFileSync(join(site, 'index.html'), `release ${run}`)
        return { id: 'res_bench_site', source: { kind: 'local-folder', path: site } }
      },
      { floor: () => processFloor(server, 'server.mjs'), files: () => fileFloor(site) },
    )
  } finally {
    await appaloft.close({ mode: 'cancel' })
    await shutdown(stateDir, { force: true })
    rmSync(folder, { recursive: true, force: true })
  }
}

/** From the call to the moved traffic; and from the promotion's begin to the first answer that a user gets of the new release. */
async function deploy(appaloft, resource, url) {
  const events = []
  let seen = Promise.resolve(Number.NaN)
  const isNew = ({ headers }) => headers['x-appaloft-deployment'] === events[0].deploymentId
  const started = performance.now()
  const handle = await appaloft.deployments.create(
    { resource },
    {
      onEvent: ({ deploymentId, type, step, data }) => {
        events.push({ deploymentId, name: [type, step, data.check].filter(Boolean).join(' '), at: since(started) })
        if (url === undefined || type !== 'step-started' || step !== 'promote') return
        const promoting = performance.now()
        seen = firstAnswer(url, isNew).then(() => since(promoting))
        seen.catch(() => undefined)
      },
    },
  )
  await handle.promoted
  const live = since(started)
  const visible = await seen
  const deployment = await handle.done
  if (deployment.status !== 'succeeded') throw new Error(`${deployment.status}: ${deployment.failure?.message}`)
  return { live, visible, url: deployment.accessUrls[0], events }
}

/** Where the time goes: medians of what passed before each event. */
function showTrace(found) {
  const [{ events }] = found
  for (const [index, { name }] of events.entries()) {
    const at = (one, number) => one.events[number]?.at ?? 0
    const span = median(found.map((one) => at(one, index) - at(one, index - 1)))
    console.log(
      `    ${ms(median(found.map((one) => at(one, index)))).padStart(9)} ${`+${span.toFixed(1)}`.padStart(7)}  ${name}`,
    )
  }
}
