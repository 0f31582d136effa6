import type { Evidence, PlannerContext } from '@appaloft/core/spec'
import type { Image } from './image.js'
import { portsText } from './ports.js'
import type { Reading } from './reading.js'

/** A text as evidence shows it: bounded, without the values of the variables that it sets. */
export const shown = (text: string, length = 200): string => {
  const masked = text
    .slice(0, 1000)
    .replace(/\b(?!(?:PORT|NODE_ENV|HOST)=)([A-Za-z_]\w*)=(?:"[^"]*"|'[^']*'|\S+)/g, '$1=…')
  return masked.length > length ? `${masked.slice(0, length)}…` : masked
}

/** What the profile says to this planner, its values only where they name things. */
export function profileFacts({ profiles: { runtime } }: PlannerContext): Evidence[] {
  const fact = (signal: string, value: string | undefined): Evidence[] =>
    value === undefined ? [] : [{ kind: 'profile', signal: `runtime.${signal}`, value: shown(value) }]
  return [
    ...(runtime.planner === 'dockerfile' ? fact('planner', runtime.planner) : []),
    ...fact('dockerfilePath', runtime.dockerfilePath),
    ...fact('buildTarget', runtime.buildTarget),
    ...fact('buildArgs', runtime.buildArgs && Object.keys(runtime.buildArgs).sort().slice(0, 20).join(' ')),
  ]
}

type Write = (line: number | undefined, signal: string, value: Evidence['value']) => Evidence

/** Writes facts of one Dockerfile. */
export const factIn =
  (file: string): Write =>
  (line, signal, value) => ({
    kind: 'dockerfile',
    file,
    signal: line === undefined ? signal : `${signal}, line ${line}`,
    ...(value === undefined ? {} : { value }),
  })

/** What the Dockerfile says of the image that is built. */
export function imageFacts({ path, file, target, build, context, foreign }: Reading): Evidence[] {
  const fact = factIn(path)
  const facts: Evidence[] = []
  if (file.syntax !== undefined) facts.push(fact(undefined, '# syntax', shown(file.syntax)))
  if (foreign) facts.push(fact(undefined, 'written for another builder', true))
  if (target === null || build === null) return facts
  facts.push(fact(target.line, 'stage', target.name ?? target.index))
  for (const { line, image } of build.bases.slice(0, 20)) facts.push(fact(line, 'FROM', shown(image)))
  const { directory, moved } = context
  facts.push(fact(undefined, 'build context', moved ? { directory, because: 'it holds what COPY takes' } : directory))
  if (context.ignoreFile !== undefined) facts.push({ kind: 'file', file: context.ignoreFile, signal: '.dockerignore' })
  return [...facts, ...settingFacts(build.image, fact), ...exposeFacts(build.image, fact)]
}

function settingFacts({ entrypoint, cmd, healthcheck, user, stopSignal, onbuild }: Image, fact: Write): Evidence[] {
  const facts: Evidence[] = []
  for (const start of [entrypoint, cmd]) {
    if (start !== null) facts.push(fact(start.line, start.instruction, shown(start.text)))
  }
  if (healthcheck !== null) {
    const options = healthcheck.flags
      .slice(0, 8)
      .map(([name, value]) => `--${name.slice(0, 40)}=${value.slice(0, 40)} `)
    facts.push(fact(healthcheck.line, 'HEALTHCHECK', options.join('') + shown(healthcheck.text)))
  }
  if (user !== null) facts.push(fact(user.line, 'USER', shown(user.text)))
  if (stopSignal !== null) facts.push(fact(stopSignal.line, 'STOPSIGNAL', shown(stopSignal.text)))
  for (const { line, text } of onbuild.slice(0, 5)) facts.push(fact(line, 'ONBUILD', shown(text)))
  return facts
}

/** Each EXPOSE with what it comes to. */
export const exposeFacts = (image: Image, fact: Write): Evidence[] =>
  image.exposed.slice(0, 20).map(({ line, text, ports }) => {
    const numbers = ports.slice(0, 20).map(portsText)
    return fact(
      line,
      'EXPOSE',
      numbers.length === 1 && numbers[0] === text ? text : { text: shown(text), ports: numbers },
    )
  })
