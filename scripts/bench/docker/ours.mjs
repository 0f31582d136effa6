import { join } from 'node:path'
import process from 'node:process'
import { createAppaloft } from '@appaloft/core'
import { image } from '@appaloft/planner-image'
import { node } from '@appaloft/planner-node'
import { caddy } from '@appaloft/proxy-caddy'
import { sqlite } from '@appaloft/store-sqlite'
import { docker } from '@appaloft/target-docker'
import { firstAnswer, since } from '../measure.mjs'
import { baseImage } from './source.mjs'

/** What users compose: SQLite, Docker, a Caddy that runs. */
export async function ours({ folder, proxy }) {
  const stateDir = join(folder, 'state')
  const appaloft = createAppaloft({
    stateDir,
    store: sqlite({ path: join(stateDir, 'appaloft.db') }),
    planners: [image(), node()],
    targets: [
      docker({
        scope: `bench-${process.pid}`,
        ...(process.env.APPALOFT_TEST_DOCKER === undefined ? {} : { cli: process.env.APPALOFT_TEST_DOCKER }),
        baseImage: () => baseImage,
        proxy: caddy({ admin: proxy.admin, http: `127.0.0.1:${proxy.port}`, tls: 'off' }),
      }),
    ],
  })
  const deployed = new Set()
  /** From the call to the first answer of the new release that a user gets. */
  const measure = async (id, begin) => {
    const events = []
    let seen
    const started = performance.now()
    const onEvent = ({ deploymentId, type, step, data }) => {
      events.push({ at: since(started), text: [type, step, data.check].filter(Boolean).join(' ') })
      if (type === 'step-started' && step === 'promote')
        seen = firstAnswer(
          `http://127.0.0.1:${proxy.port}/`,
          ({ headers }) => headers['x-appaloft-deployment'] === deploymentId,
          { host: `${id}.localhost` },
        ).then(() => since(started))
    }
    const { status, failure } = await (await begin({ onEvent })).done
    if (status !== 'succeeded') throw new Error(`${status}: ${failure?.message}`)
    return { took: await seen, events }
  }
  const resource = (id, source, text) => ({
    id: `res_${id}`,
    source,
    environment: { RUN: { value: text } },
    network: { internalPort: 3000 },
    access: { hostnames: [`${id}.localhost`] },
  })
  return {
    release: (id, source) => (text) => {
      deployed.add(`res_${id}`)
      return measure(id, (options) => appaloft.deployments.create({ resource: resource(id, source, text) }, options))
    },
    rollback: (id) => () => measure(id, (options) => appaloft.deployments.rollback(`res_${id}`, options)),
    async close() {
      for (const id of deployed) await appaloft.resources.remove(id, { volumes: true })
      await appaloft.close({ mode: 'cancel' })
    },
  }
}
