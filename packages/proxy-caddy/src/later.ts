import type { Proxy, ProxyContext } from '@appaloft/core/spec'
import type { CaddyProxyOptions, Place, PlacedOptions } from './options.js'

/** Asks for what only the machine can tell. */
export async function placed(options: CaddyProxyOptions): Promise<PlacedOptions> {
  const { admin, root, ...rest } = options
  const told = async (place: Place) => (typeof place === 'string' ? place : await place())
  return {
    ...rest,
    ...(admin !== undefined && { admin: await told(admin) }),
    ...(root !== undefined && { root: await told(root) }),
  }
}

export const isPlaced = (options: CaddyProxyOptions): options is PlacedOptions =>
  typeof options.admin !== 'function' && typeof options.root !== 'function'

/** The proxy whose places are asked for when it is first needed; what is wrong with the other options is told at once. */
export function later(options: CaddyProxyOptions, make: (options: PlacedOptions) => Proxy): Proxy {
  const shape = make({ ...options, admin: 'unix//later', root: '/later' })
  let context: ProxyContext | undefined
  let made: Promise<Proxy> | undefined
  const proxy = (): Promise<Proxy> => {
    made ??= placed(options).then(async (told) => {
      const real = make(told)
      if (context !== undefined) await real.open?.(context)
      return real
    })
    // A machine that does not answer now may answer later.
    made.catch(() => {
      made = undefined
    })
    return made
  }
  return {
    specVersion: shape.specVersion,
    key: shape.key,
    capabilities: shape.capabilities,
    async open(opened) {
      context = opened
    },
    mark: async (...call) => (await proxy()).mark(...call),
    fence: async (...call) => (await proxy()).fence(...call),
    apply: async (...call) => (await proxy()).apply(...call),
    observe: async (...call) => (await proxy()).observe(...call),
    endpoint: async (...call) => (await proxy()).endpoint(...call),
    remove: async (...call) => (await proxy()).remove(...call),
  }
}
