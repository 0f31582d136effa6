import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAppaloft } from '@appaloft/core'
import type { Deployment, ResourceDefinition } from '@appaloft/core/spec'
import { caddy } from '@appaloft/proxy-caddy'
import { caddyContainer } from '@appaloft/target-docker'
import { ssh } from '@appaloft/target-ssh'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FarMachine, farMachines, haveMachines, withoutMachines } from '../../target-ssh/test/engines.js'
import { cli, type Kind, kinds, nodeImage, runtime, type Version } from '../test/docker/kinds.js'
import { freePort } from '../test/machine.js'
import { defaultComposition } from './composition.js'

const unique = `far-${randomBytes(4).toString('hex')}`
const scope = unique
const chosen = ['site', 'express', 'stages', 'image', 'compose'].map((name) => kinds.find((one) => one.name === name)!)
const express = chosen[1]!
const images = [nodeImage, 'caddy:2-alpine', 'postgres:latest']

describe.skipIf(!haveMachines)(`machines with engines of their own, and two laptops ${withoutMachines}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'appaloft-machines-'))
  let machines: FarMachine[]
  let ports: number[]
  beforeAll(async () => {
    machines = await farMachines(3, { images })
    ports = await Promise.all(machines.map(freePort))
  }, 600_000)
  afterAll(async () => {
    await Promise.all(machines.map((one) => one.close()))
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  }, 120_000)

  /** An engine with a state folder, and so a store, of its own. */
  const laptop = async (name: string) => {
    const targets = machines.map((machine, index) =>
      ssh({
        ...machine.options(),
        ...{ key: `web${index}`, scope, cli, baseImage: () => nodeImage },
        proxy: (host) => {
          const { socket } = machine
          const root = join(machine.sshd.folder, 'caddy')
          const { proxy } = caddyContainer({ machine: host, scope, socket, root })
          return caddy({ ...proxy, http: `127.0.0.1:${ports[index]}`, tls: 'off' })
        },
      }),
    )
    return createAppaloft(await defaultComposition({ stateDir: join(folder, name), targets }))
  }

  const source = (kind: Kind, version: Version): ResourceDefinition => {
    const path = join(folder, 'apps', kind.name)
    mkdirSync(path, { recursive: true })
    kind.write(path, version, unique)
    return {
      ...{ id: `res_${kind.name}`, runtime, ...kind.profile },
      source: kind.source?.(version, unique) ?? { kind: 'local-folder', path },
      network: { drainSeconds: 1, ...kind.profile?.network },
      access: { hostnames: [`${kind.name}.example.test`], tls: 'off' },
    }
  }
  const ask = async (index: number, kind: Kind, path: string) => {
    const headers = { host: `${kind.name}.example.test` }
    const request = http.get({ host: '127.0.0.1', port: ports[index], path, agent: false, headers })
    const [answer] = (await once(request, 'response')) as [http.IncomingMessage]
    let text = ''
    for await (const chunk of answer.setEncoding('utf8')) text += chunk
    return { status: answer.statusCode, by: answer.headers['x-appaloft-deployment'], text }
  }
  const serves = async (index: number, kind: Kind, version: Version, deploymentId: string | null) => {
    const told = await kind.read(async (path) => {
      const { status, by, text } = await ask(index, kind, path)
      expect({ status, by }, `${kind.name} on web${index}`).toEqual({ status: 200, by: deploymentId })
      return text
    })
    expect(told).toBe(version)
  }
  const succeeded = (deployment: Deployment) => {
    expect(deployment, JSON.stringify(deployment.failure)).toMatchObject({ status: 'succeeded', failure: null })
    return deployment
  }

  it('one laptop deploys each kind to one, then a workspace to three in batches; another one with an empty store goes on', {
    timeout: 1_800_000,
  }, async () => {
    const first = await laptop('first')
    const releases = new Map<string, Record<Version, string>>()
    for (const kind of chosen) {
      const of = {} as Record<Version, string>
      for (const version of ['one', 'two'] as const) {
        const attempt = await first.deployments.create({ resource: source(kind, version), target: 'web0' })
        const { id, release } = succeeded(await attempt.done)
        of[version] = release?.id ?? ''
        await serves(0, kind, version, id)
      }
      releases.set(kind.name, of)
    }

    const everywhere = { ...express, name: 'everywhere' }
    const rolled = async (version: Version, parts: object) => {
      const resource = source(everywhere, version)
      const { done } = await first.deployments.rollout({ resource }, { batch: { first: 1, rest: 2 }, ...parts })
      const rollout = await done
      expect(rollout, JSON.stringify(rollout.failure)).toMatchObject({ status: 'succeeded' })
      for (const [index, { deploymentId }] of rollout.targets.entries())
        await serves(index, everywhere, version, deploymentId)
      return rollout
    }
    const before = await rolled('one', {})
    await rolled('two', { promote: 'together' })
    await first.close()

    const second = await laptop('second')
    const known = await second.resources.list()
    expect(known.map(({ id }) => id).sort()).toEqual([...chosen, everywhere].map(({ name }) => `res_${name}`).sort())
    for (const kind of chosen) {
      const { one, two } = releases.get(kind.name)!
      const { items } = await second.deployments.list({ resourceId: `res_${kind.name}` })
      expect(items.map(({ release }) => release?.id)).toEqual([two, one])
      const back = await second.deployments.rollback(`res_${kind.name}`, { target: 'web0' })
      const { id, release } = succeeded(await back.done)
      expect(release?.id).toBe(one)
      await serves(0, kind, 'one', id)
    }
    const { done } = await second.deployments.rollout(
      { resource: 'res_everywhere', rollback: {} },
      { batch: { first: 1, rest: 2 }, promote: 'together' },
    )
    const back = await done
    expect(back, JSON.stringify(back.failure)).toMatchObject({ status: 'succeeded' })
    for (const [index, { deploymentId, target }] of back.targets.entries()) {
      await serves(index, everywhere, 'one', deploymentId)
      const [of] = before.targets.filter((one) => one.target === target)
      const former = await second.deployments.show(of!.deploymentId!)
      expect((await second.deployments.show(deploymentId!)).release?.id).toBe(former.release?.id)
    }
    for (const { name } of [...chosen, everywhere]) await second.resources.remove(`res_${name}`, { volumes: true })
    await expect(ask(0, everywhere, '/')).rejects.toThrow()
    await second.close()
  })
})
