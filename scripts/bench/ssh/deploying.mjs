import { join } from 'node:path'
import process from 'node:process'
import { createAppaloft } from '@appaloft/core'
import { image } from '@appaloft/planner-image'
import { node } from '@appaloft/planner-node'
import { sqlite } from '@appaloft/store-sqlite'
import { firstAnswer, since } from '../measure.mjs'

/** Deployments by a program that begins anew with each, as a command does: `target` makes its target. */
export function deploying({ folder, name, port, target }) {
  const stateDir = join(folder, `state-${name}`)
  const opened = () =>
    createAppaloft({
      stateDir,
      store: sqlite({ path: join(stateDir, 'appaloft.db') }),
      planners: [image(), node()],
      targets: [target()],
    })
  const deployed = new Set()
  return {
    /** `live`: until a user gets the first answer of the new release; `total`: until the attempt has ended. */
    release: (id, source) => async (text) => {
      deployed.add(`res_${id}`)
      const events = []
      const appaloft = opened()
      const hostname = `${id}.localhost`
      const resource = {
        id: `res_${id}`,
        source,
        environment: { RUN: { value: text } },
        network: { internalPort: 3000 },
        access: { hostnames: [hostname] },
      }
      let seen
      const started = performance.now()
      const onEvent = ({ deploymentId, type, step, data }) => {
        events.push({ at: since(started), text: [type, step, data.check].filter(Boolean).join(' ') })
        if (type !== 'step-started' || step !== 'promote') return
        const ours = ({ headers }) => headers['x-appaloft-deployment'] === deploymentId
        seen = firstAnswer(`http://127.0.0.1:${port}/`, ours, { host: hostname }).then(() => since(started))
      }
      const { status, failure } = await (await appaloft.deployments.create({ resource }, { onEvent })).done
      const total = since(started)
      await appaloft.close({ mode: 'cancel' })
      if (status !== 'succeeded') throw new Error(`${name}: ${status}: ${failure?.message}`)
      return { live: await seen, total, events }
    },
    async close() {
      const appaloft = opened()
      for (const id of deployed) await appaloft.resources.remove(id, { volumes: true })
      await appaloft.close({ mode: 'cancel' })
    },
  }
}

export const dockerOptions = (name, baseImage) => ({
  scope: `bench-${process.pid}-${name}`,
  ...(process.env.APPALOFT_TEST_DOCKER === undefined ? {} : { cli: process.env.APPALOFT_TEST_DOCKER }),
  baseImage: () => baseImage,
})
