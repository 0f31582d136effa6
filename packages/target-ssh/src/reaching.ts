import {
  type Address,
  type CallOptions,
  type Forwarded,
  type Host,
  type Reach,
  type RunningRef,
  unlessAborted,
} from '@appaloft/core/spec'

/** Ports of the machine as sockets of this one, each forwarded once, for as long as a release is there that has it. */
export class Reaching {
  readonly #ports = new Map<string, Promise<Forwarded>>()
  readonly #users = new Map<string, Set<string>>()

  constructor(readonly host: Host) {}

  /** What the proxy dials stays as it is: it is on the machine. */
  async of(
    ref: RunningRef,
    { probe, upstream }: Reach,
    options: CallOptions & { soon?: boolean } = {},
  ): Promise<Reach> {
    const users = this.#users.get(ref.deploymentId) ?? new Set()
    this.#users.set(ref.deploymentId, users)
    const forwarded = probe.map(async (remote) => {
      const name = JSON.stringify(remote)
      users.add(name)
      const way = await this.#forward(name, remote, options)
      if (options.soon) way.soon?.()
      return way.address
    })
    return { probe: await Promise.all(forwarded), upstream }
  }

  /** An abort ends the wait, not the forward: others may wait for it too. */
  async #forward(name: string, remote: Address, { signal }: CallOptions): Promise<Forwarded> {
    signal?.throwIfAborted()
    let way = this.#ports.get(name)
    if (way === undefined) {
      way = this.host.forward(remote)
      this.#ports.set(name, way)
      way.catch(() => this.#ports.delete(name))
    }
    return await unlessAborted(way, signal)
  }

  /** The release is gone. */
  async forget(ref: RunningRef): Promise<void> {
    const names = this.#users.get(ref.deploymentId) ?? []
    this.#users.delete(ref.deploymentId)
    for (const name of names) {
      if ([...this.#users.values()].some((others) => others.has(name))) continue
      const port = this.#ports.get(name)
      this.#ports.delete(name)
      await port?.then(({ close }) => close()).catch(() => undefined)
    }
  }
}
