import { type PlanDraft, type PlannerContext, type Reason, reason } from '@appaloft/core/spec'
import { exposeFacts, factIn, shown } from './facts.js'
import { allPorts, type Image } from './image.js'
import { onlyPort } from './ports.js'
import type { Reading } from './reading.js'

/** The port of the profile, else the only TCP port that the stage exposes; null where neither is there. */
export function networkOf({ profiles: { network } }: PlannerContext, { build }: Reading): PlanDraft['network'] | null {
  // A container is given its port as PORT too, and that is the one it listens on.
  const honoursPort = network.honoursPort ?? true
  if (network.internalPort !== undefined) return { internalPort: network.internalPort, from: 'profile', honoursPort }
  if (network.exposure === 'none') return { from: 'none', honoursPort }
  if (build === null || build.image.exposed.some(({ unknown }) => unknown)) return null
  const port = onlyPort(allPorts(build.image))
  return port == null ? null : { internalPort: port, from: 'planner', honoursPort }
}

/** Of a range its first ones. */
const numbersOf = (from: number, to: number): number[] =>
  Array.from({ length: Math.min(to - from + 1, 10) }, (_, i) => from + i)

/** The TCP ports that could be meant, as numbers, best first: one that ENV PORT names, then in the order of the file. */
export function candidatePorts(image: Image): number[] {
  const ports = allPorts(image).filter(({ protocol }) => protocol === 'tcp')
  const numbers = ports.flatMap(({ from, to }) => numbersOf(from, to)).filter((port) => port > 0)
  const told = Number(image.environment.get('PORT') ?? Number.NaN)
  const first = Number.isInteger(told) && told > 0 && told <= 65_535 ? [told] : []
  const fromCheck = /(?:localhost|127\.0\.0\.1|0\.0\.0\.0):([0-9]{2,5})\b/.exec(
    image.healthcheck?.text.slice(0, 1000) ?? '',
  )
  const asked = fromCheck === null || Number(fromCheck[1]) > 65_535 ? [] : [Number(fromCheck[1])]
  const exposed = [...new Set(numbers)]
  if (exposed.length > 0)
    return [...exposed.filter((port) => first.includes(port)), ...exposed.filter((port) => !first.includes(port))]
  return [...new Set([...first, ...asked])]
}

export function missingPort({ profiles }: PlannerContext, reading: Reading): Reason {
  const { path, build } = reading
  const image = build?.image
  const candidates = image === undefined ? [] : candidatePorts(image)
  const examples = candidates.length > 0 ? candidates.slice(0, 10).map(String) : ['8080']
  const [unset] = candidates.length > 0 ? [] : (image?.exposed ?? []).flatMap((one) => one.unset)
  const declared = build?.args.filter(({ name }) => name === unset) ?? []
  const inStage = declared.some(({ global }) => !global)
  const given = unset !== undefined && Object.hasOwn(profiles.runtime.buildArgs ?? {}, unset)
  return reason('missing-internal-port', {
    message: portMessage(reading, candidates, unset),
    evidence: image === undefined ? [] : exposeFacts(image, factIn(path)),
    fixPath: [
      ...(declared.length > 0 && !inStage
        ? [{ action: 'Declare the argument again in the stage that uses it.', example: `ARG ${unset}` }]
        : []),
      {
        action: 'Leave one EXPOSE with the port that serves the traffic in the stage that is built.',
        example: `EXPOSE ${examples[0]}`,
      },
    ],
    overridePath: [
      ...examples.map((example) => ({
        action: 'Set the port on which it listens.',
        profileField: 'network.internalPort',
        example,
      })),
      ...(inStage && !given
        ? [{ action: 'Or give the build argument.', profileField: `runtime.buildArgs.${unset}`, example: examples[0]! }]
        : []),
    ],
  })
}

function portMessage({ path, file, build, foreign }: Reading, candidates: number[], unset: string | undefined): string {
  if (foreign) return `${path} is written for ${shown(file.syntax ?? '')}, so nothing in it proves a port.`
  const exposed = build?.image.exposed ?? []
  if (exposed.length === 0) {
    return `${path} has no EXPOSE in the stage that is built: nothing proves on which port it listens.`
  }
  if (exposed.some(({ unknown }) => unknown)) return `An EXPOSE of ${path} uses a value that only the build knows.`
  if (unset !== undefined) return `EXPOSE of ${path} uses ${unset.slice(0, 60)}, which has no value there.`
  if (candidates.length === 0) return `${path} exposes no TCP port.`
  const list = candidates.slice(0, 10).join(', ')
  return `${path} exposes several TCP ports, and nothing tells which one serves the traffic: ${list}.`
}
