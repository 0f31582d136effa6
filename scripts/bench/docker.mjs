// Releases on a real Docker Engine behind a real Caddy: each beside bare calls of the engine's API, and beside Docker Compose, in turn.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { provideCaddy } from '../engines/caddy.mjs'
import { startEngines } from '../engines/index.mjs'
import { apiOf, tracer } from './docker/api.mjs'
import { startCaddy } from './docker/caddy.mjs'
import { composeProject } from './docker/compose.mjs'
import { ours } from './docker/ours.mjs'
import { application, provideImage } from './docker/source.mjs'
import { median, ms, row, times, title } from './measure.mjs'

export async function docker({ runs, trace }) {
  const engines =
    process.env.APPALOFT_TEST_ENGINE === undefined
      ? await startEngines({ say: () => undefined })
      : { env: {}, close: async () => undefined }
  const caddy = engines.env === null ? null : await provideCaddy()
  const why = engines.env === null ? engines.why : caddy.env === null ? caddy.why : null
  if (why !== null) {
    title('Releases on a Docker Engine')
    row('not measured', why)
    await engines.close()
    return
  }
  Object.assign(process.env, engines.env, caddy.env)
  const traced = trace ? tracer() : null
  const folder = mkdtempSync(join(tmpdir(), 'appaloft-bench-'))
  const opened = [async () => rmSync(folder, { recursive: true, force: true }), engines.close]
  const open = (one) => {
    opened.unshift(one.close)
    return one
  }
  try {
    const api = open(apiOf(process.env.DOCKER_HOST))
    const source = application(join(folder, 'source'))
    const image = open(await provideImage(source))
    const proxy = open(await startCaddy(process.env.APPALOFT_TEST_CADDY))
    const appaloft = open(await ours({ folder, proxy }))
    const rival = (name, service) => open(composeProject({ folder: join(folder, name), api, service }))
    const place = { runs, traced, api, image: image.name }
    await side('A prebuilt image, another variable', {
      ...place,
      aim: 1.3,
      ours: appaloft.release('image', { kind: 'docker-image', image: image.name }),
      compose: rival('image', { image: image.name }),
    })
    await side('A workspace, its build unchanged', {
      ...place,
      aim: 1.5,
      ours: appaloft.release('workspace', { kind: 'local-folder', path: source }),
      compose: rival('workspace', { build: source }),
    })
    await side('Back to the former release', {
      ...place,
      aim: 1.3,
      ours: appaloft.rollback('image'),
      compose: null,
    })
  } finally {
    for (const close of opened) await close()
  }
}

/** One of each in turn, so that what else the machine does meets all alike. */
async function side(name, { runs, traced, aim, api, image, ours, compose }) {
  await ours('warm')
  await compose?.up('warm')
  const found = []
  for (let run = 0; run < runs; run++) {
    const floor = await api.floor(image, String(run))
    traced?.begin()
    const { took, events } = await ours(String(run))
    found.push({ floor, one: took, events, calls: traced?.calls(), compose: await compose?.up(String(run)) })
  }
  const of = (key) => median(found.map((one) => one[key]))
  title(name)
  row('floor', `${ms(of('floor'))} (create, start, first answer, one rename)`)
  row('live', `${ms(of('one'))}, ${times(of('one') / of('floor'))} the floor (aim: ${aim})`)
  row('run by run', `${times(median(found.map(({ one, floor }) => one / floor)))} the floor before it`)
  if (compose)
    row('docker compose', `${ms(of('compose'))} for up --detach --wait, ${times(of('compose') / of('floor'))}`)
  if (traced) showTrace(found)
}

/** One run as it went, the one in the middle: events, and each call of the engine's API with the time that it took. */
function showTrace(found) {
  const { calls, events } = found.toSorted((a, b) => a.one - b.one)[Math.floor(found.length / 2)]
  for (const { at, text } of [...calls, ...events].toSorted((a, b) => a.at - b.at))
    console.log(`    ${ms(at).padStart(9)}  ${text}`)
}
