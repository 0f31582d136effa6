import process from 'node:process'
import type { CallOptions } from '@appaloft/core/spec'
import { findEngine } from './api/address.js'
import { Engine } from './api/engine.js'
import { fromEngine } from './errors.js'
import { label } from './names.js'
import type { DockerOptions } from './options.js'

/** A container that has ports of its machine. */
export interface PortHolder {
  name: string
  image: string
  /** Of a release of ours, or the container of our proxy; `null`: somebody else's. */
  ours: 'release' | 'proxy' | null
  /** Ports that it publishes; null: it has the machine's network, and its process listens itself. */
  ports: readonly number[] | null
  /** Its process, as the machine numbers it. */
  pid: number
}

export interface EngineFacts {
  /** The folder in which it keeps images and containers. */
  root: string
  holders: PortHolder[]
}

/** What an engine alone can tell of its machine: where its disk is, and which running containers have ports. Reads only. */
export async function engineFacts(options: Pick<DockerOptions, 'host'>, call: CallOptions = {}): Promise<EngineFacts> {
  const engine = new Engine(await findEngine(options, process.env))
  try {
    const [{ DockerRootDir: root }, all] = await Promise.all([engine.info(call), engine.containers([], call)])
    const holders: PortHolder[] = []
    for (const {
      Id: id,
      Names: [name = id],
      Image: image,
      State: state,
      Labels: labels,
      Ports: ports,
      HostConfig,
    } of all) {
      const published = [...new Set(ports.flatMap(({ PublicPort }) => PublicPort ?? []))]
      const shared = HostConfig.NetworkMode === 'host'
      if (state !== 'running' || (published.length === 0 && !shared)) continue
      const role = labels[label.role]
      holders.push({
        ...{ name: name.replace(/^\//, ''), image, ports: shared ? null : published },
        ours: role === 'proxy' ? 'proxy' : role === undefined ? null : 'release',
        pid: shared ? ((await engine.container(id, call))?.State.Pid ?? 0) : 0,
      })
    }
    return { root, holders }
  } catch (error) {
    throw fromEngine(error, call.signal)
  } finally {
    engine.client.close()
  }
}
