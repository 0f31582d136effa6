export interface EmbeddedProxyOptions {
  /** Names the proxy among others. Default `embedded`. */
  key?: string
  /**
   * Where the listener for hostnames binds: `0.0.0.0` and `::` are every address. Default 127.0.0.1, for use behind another proxy or
   * on the same machine. Ports of resources without hostnames are always on 127.0.0.1.
   */
  host?: string
  /** The port of that listener. Default: a free one, chosen once and kept for the lifetime of the state folder. */
  port?: number
}
