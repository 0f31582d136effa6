import { type Address, AppaloftError, type CallOptions, type Host } from '@appaloft/core/spec'

export interface CaddyProxyOptions {
  /** Names the proxy among others. Default `caddy`. */
  key?: string
  /**
   * Caddy's admin API, as this process reaches it: `http://127.0.0.1:2019` (default), or `unix//run/caddy/admin.sock`. Whoever can use
   * it can do everything that Caddy can. As a function, here and at `root`: asked once, when it is first needed.
   */
  admin?: Place
  /** The name under which Caddy knows its admin API, where the way there goes through a forward: `localhost:2019`. Default: that of `admin`. */
  adminHost?: string
  /**
   * The folder of the markers: which release is live, and which is verified. Default: `caddy` below the target's state folder. Absolute,
   * on the machine that runs Caddy, and not to be emptied while Caddy runs.
   */
  root?: Place
  /**
   * The machine that Caddy runs on, where it is not this one: `admin`, `root`, `http` and `https` are there, and the markers are kept by its
   * commands. Then `root` has to be given. Default: this machine.
   */
  machine?: Host
  /** The same folder as Caddy sees it, where it runs in a container. Default: `root`. */
  rootSeen?: string
  /** The group that Caddy runs as, as a number, where it is another user than this one: it may read the markers. */
  group?: number
  /**
   * Where hostnames are served in clear. Default `:80`. A server of Caddy's configuration that listens there already is used; otherwise
   * one is made.
   */
  http?: string
  /** Where hostnames with TLS are served. Default `:443`, in the same way. */
  https?: string
  /**
   * `auto` (default): Caddy gets certificates of public authorities for routes with `tls: 'auto'`. `internal`: it signs them itself, with
   * an authority of its own that no browser trusts. `off`: all routes are served in clear.
   */
  tls?: 'auto' | 'internal' | 'off'
  /** Where the engine reaches the listener `http`. Default: its port, on its address or 127.0.0.1. */
  endpoint?: Address
  /** Starts Caddy where its admin API does not answer; idempotent. Default: nothing is started. */
  start?: (options: StartOptions) => Promise<void>
  /** Distinguishes what is ours in Caddy's configuration, where several engines with state folders of their own use one Caddy. Default `appaloft`. */
  name?: string
}

/** A place, or who tells it. */
export type Place = string | (() => Promise<string>)

export type PlacedOptions = Omit<CaddyProxyOptions, 'admin' | 'root'> & { admin?: string; root?: string }

export interface StartOptions extends CallOptions {
  /** What to start it with, by `caddy run --resume --config FILE`, where it has no configuration of its own. See `initialConfig`. */
  config: Record<string, unknown>
}

export interface Settings {
  key: string
  admin: string
  adminHost: string | null
  root: string | null
  machine: Host | null
  rootSeen: string | null
  group: number | null
  http: string
  https: string
  tls: 'auto' | 'internal' | 'off'
  endpoint: Address | null
  start: ((options: StartOptions) => Promise<void>) | null
  name: string
}

const wrong = (message: string): AppaloftError => new AppaloftError('invalid-composition', { message })

/** A place to listen as Caddy writes it: host and port, both ends of a range included. */
export function parseListen(text: string): { host: string; from: number; to: number } | null {
  const found = /^(?:tcp[46]?\/)?(\[[^\]]*\]|[^:/]*):(\d{1,5})(?:-(\d{1,5}))?$/.exec(text)
  if (found === null) return null
  const [, host = '', from = '', to = from] = found
  return { host: host.replace(/^\[(.*)\]$/, '$1'), from: Number(from), to: Number(to) }
}

const open = (host: string) => host === '' || host === '0.0.0.0' || host === '::'

type Listen = NonNullable<ReturnType<typeof parseListen>>

/** Would who listens at one of them be in the way of the other? */
export const overlap = (a: Listen, b: Listen): boolean =>
  a.from <= b.to && b.from <= a.to && (a.host === b.host || open(a.host) || open(b.host))

export function settle(options: PlacedOptions): Settings {
  const http = options.http ?? ':80'
  const https = options.https ?? ':443'
  const place = parseListen(http)
  if (place === null || place.from !== place.to) throw wrong('The option http of the proxy is not one place to listen.')
  const secured = parseListen(https)
  if (secured === null) throw wrong('The option https of the proxy is not a place to listen.')
  const tls = options.tls ?? 'auto'
  if (tls !== 'off' && overlap(place, secured))
    throw wrong(
      'The options http and https of the proxy name the same place to listen: set one of them to another port, or tls to off.',
    )
  const name = options.name ?? 'appaloft'
  if (!/^[a-z][a-z0-9-]{0,31}$/.test(name)) throw wrong('The option name of the proxy is not a short name.')
  if (options.machine !== undefined && options.root === undefined)
    throw wrong('The proxy on another machine needs the option root, a folder there.')
  for (const path of [options.root, options.rootSeen]) if (path !== undefined) refuseUnusable(path)
  return {
    key: options.key ?? 'caddy',
    admin: options.admin ?? 'http://127.0.0.1:2019',
    adminHost: options.adminHost ?? null,
    root: options.root ?? null,
    machine: options.machine ?? null,
    rootSeen: options.rootSeen ?? null,
    group: options.group ?? null,
    http,
    https,
    tls,
    endpoint: options.endpoint ?? null,
    start: options.start ?? null,
    name,
  }
}

/** How a place to listen is reached from this machine. */
export function reachOf(listen: string): { kind: 'tcp'; host: string; port: number } {
  const { host, from } = parseListen(listen)!
  return { kind: 'tcp', host: open(host) ? '127.0.0.1' : host, port: from }
}

/** Caddy looks for markers with a glob over the whole path, and replaces what stands in braces. */
export function refuseUnusable(root: string): void {
  if (root.startsWith('/') && !/[*?[\]{}\\]/.test(root)) return
  throw wrong('The folder of the proxy’s markers is not absolute, or has a character of * ? [ ] { } \\ in its path.')
}
