import type { Address, CallOptions, Forwarded, Host, Reach, RunningRef } from '@appaloft/core/spec'

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

  async #forward(name: string, remote: Address, { signal }: CallOptions): Promise<Forwarded> {
    const known = this.#ports.get(name)
    if (known !== undefined) return await known
    const made = this.host.forward(remote, signal === undefined ? {} : { signal })
    this.#ports.set(name, made)
    made.catch(() => this.#ports.delete(name))
    return await made
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
