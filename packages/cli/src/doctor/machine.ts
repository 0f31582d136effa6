import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { type Finding, failed, passed, warning } from './check.js'

const run = promisify(execFile)

/** The tools of this machine. */
export async function checkMachine(
  env: Readonly<Record<string, string | undefined>>,
  nodeVersion: string = process.versions.node,
): Promise<Finding[]> {
  return [
    checkNode(nodeVersion),
    await checkTool('git', 'needed for sources in git repositories', env),
    await checkTool('npm', 'needed to build Node applications that use it', env),
  ]
}

export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const enough = major > 20 || (major === 20 && minor >= 19)
  return enough
    ? passed('node', `Node ${version}`)
    : failed('node', `Node ${version} is too old.`, 'Install Node 20.19 or newer.')
}

async function checkTool(
  name: string,
  use: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Finding> {
  try {
    const { stdout } = await run(name, ['--version'], { env: { ...env }, timeout: 20_000 })
    return passed(
      name,
      `${name} ${
        stdout
          .replace(/^git version /, '')
          .trim()
          .split('\n', 1)[0]
      }`,
    )
  } catch {
    return warning(name, `${name} is not to be found; it is ${use}.`, `Install ${name} and put it on PATH.`)
  }
}
