// The same releases here and on a machine behind SSH, in turn, also with a way there that takes 50 ms in each direction.
import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { caddy } from '@appaloft/proxy-caddy'
import { docker } from '@appaloft/target-docker'
import { ssh, sshHost } from '@appaloft/target-ssh'
import { provideCaddy } from '../engines/caddy.mjs'
import { startEngines } from '../engines/index.mjs'
import { provideSshd } from '../engines/sshd.mjs'
import { tracer } from './docker/api.mjs'
import { startCaddy } from './docker/caddy.mjs'
import { application, baseImage, provideImage } from './docker/source.mjs'
import { median, ms, repeat, row, since, title } from './measure.mjs'
import { deploying, dockerOptions } from './ssh/deploying.mjs'
import { startSshd } from './ssh/sshd.mjs'
import { critical, tracedHost } from './ssh/trace.mjs'

/** Milliseconds in each direction. */
const delays = [0, 50]

export async function sshBench({ runs, trace }) {
  const engines =
    process.env.APPALOFT_TEST_ENGINE === undefined
      ? await startEngines({ say: () => undefined })
      : { env: {}, close: async () => undefined }
  const parts = engines.env === null ? [engines] : [await provideCaddy(), await provideSshd()]
  const why = parts.find(({ env }) => env === null)?.why
  if (why !== undefined) {
    title('Releases behind SSH')
    row('not measured', why)
    await engines.close()
    return
  }
  Object.assign(process.env, engines.env, ...parts.map(({ env }) => env))
  const traced = trace ? tracer() : null
  const folder = mkdtempSync(join(tmpdir(), 'appaloft-bench-'))
  const opened = [async () => rmSync(folder, { recursive: true, force: true }), engines.close]
  const open = (one) => {
    opened.unshift(one.close)
    return one
  }
  try {
    const socket = (process.env.DOCKER_HOST ?? '/var/run/docker.sock').replace(/^unix:\/\//, '')
    const source = application(join(folder, 'source'))
    const image = open(await provideImage(source))
    const sshd = open(await startSshd(process.env))
    const caddies = [open(await startCaddy(process.env.APPALOFT_TEST_CADDY))]
    const served = ({ admin, port }) => ({ admin, http: `127.0.0.1:${port}`, tls: 'off' })
    const local = open(
      deploying({
        folder,
        name: 'local',
        port: caddies[0].port,
        target: () => docker({ ...dockerOptions('local', baseImage), proxy: caddy(served(caddies[0])) }),
      }),
    )
    const remotes = []
    for (const delay of delays) {
      const proxy = open(await startCaddy(process.env.APPALOFT_TEST_CADDY))
      const target = () => {
        const host = sshHost(sshd.options(delay))
        const inner = ssh({
          ...dockerOptions(`far-${delay}`, baseImage),
          host: traced ? tracedHost(host, traced.tell) : host,
          socket,
          proxy: (machine) => caddy({ ...served(proxy), machine, root: join(folder, `markers-${delay}`) }),
        })
        return {
          ...inner,
          close: async () => {
            await inner.close()
            await host.close()
          },
        }
      }
      const far = deploying({ folder, name: `far-${delay}`, port: proxy.port, target })
      remotes.push({ delay, far: open(far), reach: () => reaching(sshd.options(delay), socket) })
    }
    const place = { runs, traced, local, remotes, sshd }
    await compare(
      'A prebuilt image, another variable',
      { ...place, id: 'image' },
      { kind: 'docker-image', image: image.name },
    )
    await compare(
      'A workspace, its build unchanged',
      { ...place, id: 'workspace' },
      { kind: 'local-folder', path: source },
    )
  } finally {
    for (const close of opened) await close()
  }
}

/** What a login costs, until the first forward, and a request on a connection that is there. */
async function reaching(options, socket) {
  const host = sshHost(options)
  try {
    const began = performance.now()
    const { address } = await host.forward({ kind: 'unix', path: socket })
    const handshake = since(began)
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    const ping = () =>
      new Promise((resolve, reject) => {
        const asked = performance.now()
        http
          .get({ socketPath: address.path, path: '/_ping', agent }, (answer) =>
            answer.resume().on('end', () => resolve(since(asked))),
          )
          .on('error', reject)
      })
    await ping()
    const roundTrip = median(await repeat(5, ping))
    agent.destroy()
    return { handshake, roundTrip }
  } finally {
    await host.close()
  }
}

async function compare(name, { runs, traced, local, remotes, sshd, id }, source) {
  const here = local.release(id, source)
  const there = remotes.map(({ far }) => far.release(id, source))
  for (const release of [here, ...there]) for (const text of ['warm', 'warmer']) await release(text)
  const found = []
  for (let run = 0; run < runs; run++) {
    const one = { here: await here(String(run)), there: [] }
    for (const [at, release] of there.entries()) {
      const reached = await remotes[at].reach()
      const logins = sshd.logins()
      traced?.begin()
      const far = await release(String(run))
      one.there.push({ ...reached, ...far, calls: traced?.calls(), logins: sshd.logins() - logins })
    }
    found.push(one)
  }
  title(name)
  const all = (key) => median(found.map(({ here }) => here[key]))
  row('here', `live ${ms(all('live'))}, ended ${ms(all('total'))}`)
  for (const [at, { delay }] of remotes.entries()) {
    const of = (key) => median(found.map(({ there }) => there[at][key]))
    const beyond = (key) => median(found.map(({ here, there }) => there[at][key] - here[key] - there[at].handshake))
    const told = (key) =>
      delay === 0 ? `${ms(beyond(key))} beyond` : `${(beyond(key) / of('roundTrip')).toFixed(1)} round trips beyond`
    row(
      `${delay} ms each way`,
      `login ${ms(of('handshake'))} (${of('logins')} a release), round trip ${ms(of('roundTrip'))}`,
    )
    row('', `live ${ms(of('live'))}: ${told('live')} here and login`)
    row('', `ended ${ms(of('total'))}: ${told('total')} (aim: 12)`)
    if (traced && delay > 0) showTrace(found.map(({ there }) => there[at]))
  }
}

/** The run in the middle: what waited for what, with the events between. */
function showTrace(found) {
  const { calls, events, roundTrip } = found.toSorted((a, b) => a.total - b.total)[Math.floor(found.length / 2)]
  const chain = critical(calls).map((one) => ({
    at: one.at,
    text: `* ${one.text} (${(one.took / roundTrip).toFixed(1)})`,
  }))
  const rest = calls
    .filter((one) => !chain.some(({ at }) => at === one.at))
    .map(({ at, text }) => ({ at, text: `  ${text}` }))
  for (const { at, text } of [
    ...chain,
    ...rest,
    ...events.map(({ at, text }) => ({ at, text: `              ${text}` })),
  ].toSorted((a, b) => a.at - b.at))
    console.log(`    ${ms(at).padStart(9)}  ${text}`)
}
