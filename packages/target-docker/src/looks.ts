import process from 'node:process'
import {
  type ComingBuild,
  type Host,
  isImageReferenceFault,
  parseImageReference,
  type ReleaseRecord,
  unlessAborted,
} from '@appaloft/core/spec'
import { Engine } from './api/engine.js'
import { askOf, inputsOf } from './build/before.js'
import { generatedFor } from './build/build.js'
import type { Names } from './names.js'
import type { Settings } from './options.js'
import { type Login, loginFor, loginHeader } from './registry/credentials.js'
import { asksRegistry } from './registry/pull.js'

/** What was asked ahead, by what it was asked for. Each answer is used once; where there is none, or it failed, it is asked for. */
class Answers<T> {
  readonly #all = new Map<string, Promise<T>>()

  add(name: string, asked: Promise<T>): void {
    asked.catch(() => undefined)
    this.#all.set(name, asked)
  }

  async take(name: string, signal: AbortSignal | undefined, ask: () => Promise<T>): Promise<T> {
    const known = this.#all.get(name)
    this.#all.delete(name)
    return await (known === undefined ? ask() : unlessAborted(known, signal).catch(ask))
  }
}

type Answered<K extends 'image' | 'images' | 'containers' | 'distribution'> = Answers<Awaited<ReturnType<Engine[K]>>>

/** Milliseconds for which a login waits for the build that it was asked for. */
const loginMs = 60_000

/** What the engine answered for an attempt behind the claim of its fence. */
export class Ahead {
  readonly image: Answered<'image'> = new Answers()
  readonly images: Answered<'images'> = new Answers()
  readonly containers: Answered<'containers'> = new Answers()
  readonly distribution: Answered<'distribution'> = new Answers()
  #login: Promise<Login | null> | undefined
  /** The token of that fence; null: it is not raised yet. */
  raised: number | null = null

  set login(asked: Promise<Login | null>) {
    this.#login = asked
    // The build may never come.
    setTimeout(() => this.takeLogin(), loginMs).unref()
  }

  /** As whom the registry was asked: for one use, then it is kept nowhere. */
  takeLogin(): Promise<Login | null> | undefined {
    const login = this.#login
    this.#login = undefined
    return login
  }

  /** The same engine, which is asked for less. */
  engine(engine: Engine): Engine {
    const seer = new Engine(engine.address, engine.client)
    seer.image = async (name, call = {}) => {
      const found = await this.image.take(name, call.signal, () => engine.image(name, call))
      // Of what it is, nothing changes; it is asked for by its id next.
      if (found !== null) this.image.add(found.Id, Promise.resolve(found))
      return found
    }
    seer.images = (label, call = {}) => this.images.take(label.join(), call.signal, () => engine.images(label, call))
    seer.containers = (label, call = {}) =>
      this.containers.take(label.join(), call.signal, () => engine.containers(label, call))
    seer.distribution = (name, headers, call = {}) =>
      this.distribution.take(name, call.signal, () => engine.distribution(name, headers, call))
    return seer
  }
}

/** @param ordered for what is asked behind the claim */
type Ask = (ahead: Ahead, engine: Engine, ordered: Engine) => void

/**
 * What the builds that come next will ask, asked together with their fences: behind the claim, over the same connection, so that whatever a
 * former holder did is in the answers, and no way there and back is taken for them.
 */
export class Looks {
  readonly #coming = new Map<string, { resourceId: string; ask: Ask; ahead: Ahead | null }>()

  constructor(
    readonly names: Names,
    readonly settings: Settings,
    readonly host: Host,
  ) {}

  prepare(coming: ComingBuild, previous: ReleaseRecord | null): void {
    if (coming.plan.artifact.kind === 'compose-project') return
    if (this.#coming.size > 100) this.#coming.clear()
    const { resourceId, deploymentId } = coming
    try {
      this.#coming.set(deploymentId, { resourceId, ask: this.#askOf(coming, previous), ahead: null })
    } catch {
      // The build tells why it cannot be.
    }
  }

  /** For the fence of a resource: what is asked behind its claim, and to be told when it is raised. */
  asking(resourceId: string) {
    const all = [...this.#coming.values()].filter((one) => one.resourceId === resourceId)
    return {
      ask: (engine: Engine, ordered: Engine): void => {
        for (const one of all) {
          one.ahead = new Ahead()
          one.ask(one.ahead, engine, ordered)
        }
      },
      raised: (token: number): void => {
        for (const { ahead } of all) if (ahead !== null) ahead.raised = token
      },
    }
  }

  /** Null: nothing was asked behind the fence of this holder. */
  of({ deploymentId, token }: { deploymentId: string; token: number }): Ahead | null {
    const ahead = this.#coming.get(deploymentId)?.ahead ?? null
    return ahead?.raised === token ? ahead : null
  }

  forget(deploymentId: string): void {
    this.#coming.delete(deploymentId)
  }

  #askOf(coming: ComingBuild, previous: ReleaseRecord | null): Ask {
    const { names, settings } = this
    const { plan, resourceId, noCache, inputsDigest, signal } = coming
    const image = plan.artifact.kind === 'image' ? parseImageReference(plan.artifact.image) : null
    // Elsewhere it is the engine that builds which pulls it.
    const pulls = settings.build === null || settings.build.repository !== null
    const reference = image === null || isImageReferenceFault(image) || !pulls ? null : image
    const inputs = image === null ? inputsOf([inputsDigest, generatedFor(coming, settings)]) : null
    const likely = previous?.artifact.image
    const release = names.ofRelease(coming)
    return (ahead, engine, ordered) => {
      if (reference !== null) {
        const { canonical, registry } = reference
        ahead.image.add(canonical, ordered.image(canonical, { signal }))
        if (asksRegistry(settings, reference)) {
          // That is between the engine and the registry, and may take long.
          const login = loginFor(registry, {
            hook: settings.credentials,
            env: process.env,
            host: this.host,
            signal,
          })
          login.catch(() => undefined)
          ahead.login = login
          const asked = async () => {
            const headers = loginHeader(await login, registry)
            return await engine.distribution(canonical, headers, { signal })
          }
          ahead.distribution.add(canonical, asked())
        }
      }
      if (inputs !== null && !noCache) {
        const labels = askOf(names, resourceId, inputs)
        ahead.images.add(labels.join(), ordered.images(labels, { signal }))
      }
      if (typeof likely === 'string') ahead.image.add(likely, ordered.image(likely, { signal }))
      ahead.containers.add(release.join(), ordered.containers(release, { signal }))
    }
  }
}
