import { endingCases } from './host/ending.js'
import { executingCases } from './host/executing.js'
import { forwardingCases } from './host/forwarding.js'
import { lineCases } from './host/lines.js'
import type { HostFactory } from './host/machine.js'
import { uploadingCases } from './host/uploading.js'
import type { ConformanceCase } from './suite.js'

export { hostsHere } from './host/here.js'
export type { HostFactory, HostSubject, Served } from './host/machine.js'

/**
 * What every host promises. Each case asks for a machine of its own, with a POSIX shell and the usual tools, and cleans up. Abilities to
 * name: `local` where the host is this machine, `processes` where it has a Linux /proc, `signals` where it tells by which signal a command
 * ended, `unix` where it forwards sockets.
 */
export const hostConformance: readonly ConformanceCase<HostFactory>[] = [
  ...executingCases,
  ...lineCases,
  ...endingCases,
  ...uploadingCases,
  ...forwardingCases,
]
