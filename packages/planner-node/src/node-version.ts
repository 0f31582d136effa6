import { posix } from 'node:path'
import type { Evidence, PlannerContext } from '@appaloft/core/spec'
import { fact, type Manifest } from './manifest.js'
import { upwards } from './package-manager.js'

const ltsNames: Record<string, string> = {
  ...{ carbon: '8', dubnium: '10', erbium: '12', fermium: '14', gallium: '16' },
  ...{ hydrogen: '18', iron: '20', jod: '22', krypton: '24' },
}

function normalVersion(text: string): string {
  const line =
    text
      .split('\n')
      .map((one) => one.replace(/#.*/, '').trim())
      .find((one) => one !== '') ?? ''
  if (line === '' || ['node', 'stable', 'latest', 'current', 'lts/*', '--lts', 'lts'].includes(line)) return '*'
  const lts = /^lts\/(\w+)$/i.exec(line)
  if (lts) return ltsNames[lts[1]!.toLowerCase()] ?? '*'
  return line.replace(/^v(?=\d)/, '')
}

/** The Node version that the profile or the source asks for; `*` where neither does. */
export async function nodeVersion(
  context: PlannerContext,
  manifest: Manifest,
): Promise<{ version: string; evidence: Evidence[] }> {
  const given = context.profiles.runtime.runtimeVersion
  if (given !== undefined)
    return { version: given, evidence: [{ kind: 'profile', signal: 'runtime.runtimeVersion', value: given }] }
  const directories = upwards(context.baseDirectory)
  for (const directory of directories)
    for (const file of ['.nvmrc', '.node-version', '.tool-versions']) {
      const path = posix.join(directory, file)
      const whole = await context.root.readText(path, { maxBytes: 4096 })
      // asdf and mise name each tool on a line of its own.
      const text = file === '.tool-versions' ? /^(?:nodejs|node)[ \t]+(\S+)/m.exec(whole ?? '')?.[1] : whole
      if (text === null || text === undefined) continue
      const version = normalVersion(text)
      return { version, evidence: [{ kind: 'file', file: path, signal: file, value: version }] }
    }
  if (manifest.voltaNode !== undefined)
    return {
      version: normalVersion(manifest.voltaNode),
      evidence: [fact(context, 'config', 'package.json', 'volta.node', manifest.voltaNode)],
    }
  const engine = manifest.engines.node
  if (engine !== undefined)
    return {
      version: normalVersion(engine),
      evidence: [fact(context, 'config', 'package.json', 'engines.node', engine)],
    }
  return { version: '*', evidence: [] }
}
