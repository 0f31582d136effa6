// Two applications from their source to verified traffic and back, as a host application does it with the SDK.
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAppaloft } from '@appaloft/core'
import { node } from '@appaloft/planner-node'
import { staticSite } from '@appaloft/planner-static'
import { embedded } from '@appaloft/proxy-embedded'
import { sqlite } from '@appaloft/store-sqlite'
import { process as processes, shutdown } from '@appaloft/target-process'
import { startClients } from './clients.mjs'
import { leftovers } from './leftovers.mjs'
import { chapter, check, failures, say, showEvent, showOutcome, showPreview } from './print.mjs'

const here = import.meta.dirname

export async function tellStory() {
  const folder = mkdtempSync(join(tmpdir(), 'appaloft-demo-'))
  const stateDir = join(folder, 'state')
  for (const name of ['site', 'server']) cpSync(join(here, name), join(folder, name), { recursive: true })

  const appaloft = createAppaloft({
    store: sqlite({ path: join(stateDir, 'appaloft.db') }),
    targets: [processes({ proxy: embedded() })],
    planners: [node(), staticSite()],
    stateDir,
  })

  // Ctrl-C cancels the attempt that runs; everything below `finally` still happens.
  const interrupt = new AbortController()
  const onSignal = () => interrupt.abort(new Error('interrupted'))
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal)

  /** Preview, then exactly what the preview showed. */
  const deploy = async (resource) => {
    interrupt.signal.throwIfAborted()
    const preview = await appaloft.deployments.plan({ resource })
    showPreview(preview)
    const handle = await appaloft.deployments.create(
      { resource, fingerprint: preview.fingerprint },
      { onEvent: showEvent, signal: interrupt.signal },
    )
    const deployment = await handle.done
    showOutcome(deployment)
    return deployment
  }

  try {
    await deploySite(deploy, join(folder, 'site'))
    await releaseServer(appaloft, deploy, join(folder, 'server'))
  } catch (error) {
    check(`the story went to its end (${error.message})`, false)
  } finally {
    chapter('Cleaning up')
    for (const { id } of await appaloft.resources.list()) await appaloft.resources.remove(id, { volumes: true })
    await appaloft.close()
    await shutdown(stateDir, { force: true })
    rmSync(folder, { recursive: true, force: true })
    const left = leftovers(folder)
    for (const line of left) say(line)
    check('nothing is left: no process, no file', left.length === 0)
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
  }
  say('')
  say(failures() === 0 ? 'Everything happened as told.' : `${failures()} things did not happen as told.`)
  return failures() === 0 ? 0 : 1
}

async function deploySite(deploy, path) {
  chapter('A static site with a build step')
  const deployment = await deploy({ id: 'res_site', source: { kind: 'local-folder', path } })
  check('it is live', deployment.status === 'succeeded')
  const answer = await fetch(deployment.accessUrls[0])
  const page = await answer.text()
  check('the built page is served by this deployment', isServedBy(answer, deployment) && /assets\/.+\.js/.test(page))
}

async function releaseServer(appaloft, deploy, path) {
  const resource = {
    id: 'res_server',
    source: { kind: 'local-folder', path },
    health: { path: '/healthz', retries: 3, intervalSeconds: 0.2, startPeriodSeconds: 1 },
  }
  const write = (version, healthy = true) =>
    writeFileSync(join(path, 'release.json'), JSON.stringify({ version, healthy }))

  chapter('An HTTP server with dependencies')
  const one = await deploy(resource)
  check('it is live', one.status === 'succeeded')
  const [url] = one.accessUrls
  check('it is served by this deployment', isServedBy(await fetch(url), one))

  chapter('A second version, while requests keep coming')
  const clients = startClients(url, { keepAlive: 4, fresh: 4 })
  try {
    await clients.answers(200)
    write('two')
    const two = await deploy(resource)
    check('it is live', two.status === 'succeeded')
    const switched = clients.count()
    await clients.answers(200)
    check('both releases answered', clients.of(one.id) > 0 && clients.of(two.id) > 0)
    check('after the switch only the new one did', clients.of(one.id) === switched.of(one.id))

    chapter('A third version whose health check fails')
    write('three', false)
    const three = await deploy(resource)
    await clients.answers(200)
    check('it failed in verify', three.status === 'failed' && three.failure?.phase === 'verify')
    check('because of its health', three.failure?.code === 'health-status-unexpected')
    check('the previous release was restored', three.rollback?.outcome === 'restored')
    check('no user ever saw it', clients.of(three.id) === 0)

    chapter('Back to the first version, by hand')
    const back = await (await appaloft.deployments.rollback('res_server', { onEvent: showEvent })).done
    showOutcome(back)
    await clients.answers(200)
    check('it is live', back.status === 'succeeded')
    check('it is the first release, not a new build', back.release?.id === one.release?.id)
    const answer = await fetch(url)
    check('it answers as version one', isServedBy(answer, back) && (await answer.json()).version === 'one')
    await clients.stop()
    clients.show({
      [one.id]: 'version one',
      [two.id]: 'version two',
      [three.id]: 'version three',
      [back.id]: 'version one again',
    })
    check('no request failed', clients.failed().length === 0)
  } finally {
    await clients.stop()
  }
}

const isServedBy = (answer, { id }) => answer.status === 200 && answer.headers.get('x-appaloft-deployment') === id
