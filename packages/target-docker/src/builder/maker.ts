import process from 'node:process'
import { findEngine } from '../api/address.js'
import { Engine } from '../api/engine.js'
import { heldName } from '../names.js'
import type { BuildPlace, Repository } from './options.js'

/** The engine that makes images, for the one that runs them. */
export interface Maker {
  engine: Engine
  /** It is another one than the one that runs them. */
  elsewhere: boolean
  /** What brings them there; null: their layers are sent. */
  repository: Repository | null
  /** How an image is called here that has this name where it runs. */
  name(name: string): string
  /** What the images are for, as `linux/arm64`; null: what is usual here. */
  platform(signal: AbortSignal): Promise<string | null>
}

const itself = (engine: Engine): Maker => ({
  engine,
  elsewhere: false,
  repository: null,
  name: (name) => name,
  platform: async () => null,
})

const platformOf = async (engine: Engine, signal: AbortSignal) => {
  const { Os: os, Arch: architecture } = await engine.version({ signal })
  return architecture === '' ? null : `${os}/${architecture}`
}

/** Finds the engine that makes images, once. */
export class Makers {
  #engine: Promise<Engine> | undefined
  #platform: string | null | undefined

  constructor(
    readonly place: BuildPlace,
    readonly key: string,
  ) {}

  /** @param running the engine that runs the releases */
  async for(running: Engine): Promise<Maker> {
    if (this.place === null) return itself(running)
    const engine = await this.find()
    return {
      engine,
      elsewhere: true,
      repository: this.place.repository,
      name: (name) => heldName(name, this.key),
      platform: async (signal) => {
        this.#platform ??= await differing(engine, running, signal)
        return this.#platform
      },
    }
  }

  async find(): Promise<Engine> {
    const { host, context } = this.place ?? {}
    const options = { ...(host === undefined ? {} : { host }), ...(context === undefined ? {} : { context }) }
    this.#engine ??= findEngine(options, process.env).then((address) => new Engine(address))
    // What was wrong may have been mended when it is asked again.
    this.#engine.catch(() => {
      this.#engine = undefined
    })
    return await this.#engine
  }

  async close(): Promise<void> {
    const engine = await this.#engine?.catch(() => undefined)
    engine?.client.close()
    this.#engine = undefined
  }
}

async function differing(engine: Engine, running: Engine, signal: AbortSignal): Promise<string | null> {
  const [here, there] = await Promise.all([platformOf(engine, signal), platformOf(running, signal)])
  return here === there ? null : there
}
