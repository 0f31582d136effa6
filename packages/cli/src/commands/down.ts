import type { Composed, Context } from '../context.js'
import { usageError } from '../errors.js'
import { type ExitCode, exitCodes } from '../exit-codes.js'
import type { Register } from './register.js'
import { withResources } from './resource-here.js'

interface DownFlags {
  volumes?: boolean
  proxy?: boolean
}

export const down: Register = (program, run) => {
  program
    .command('down')
    .description('take a resource away: routes first, then drain and releases; without RESOURCE, those of this folder')
    .argument('[resource]')
    .option('--volumes', 'its volumes with their data, too')
    .option('--proxy', 'Caddy’s container too, where nothing else is served by it')
    .action(
      run((ctx, name: string | undefined, flags: DownFlags) =>
        withResources(ctx, name, async (parts, resources): Promise<ExitCode> => {
          const { engine, docker } = parts
          if (flags.proxy && !docker?.removeProxy)
            throw usageError('--proxy takes Caddy’s container away, and no release here is behind one.')
          if (resources.length === 0) ctx.say('Nothing was deployed from this folder.')
          for (const { id } of resources) {
            await engine.resources.remove(id, flags.volumes ? { volumes: true } : {})
            ctx.json({ kind: 'removed', resourceId: id })
            ctx.say(`${ctx.style.green('✔')} ${id} is down`)
          }
          return await proxyDown(ctx, parts, flags)
        }),
      ),
    )
}

/** The proxy's container goes when it is asked for and nothing is behind it; else it is said that it goes on. */
async function proxyDown(ctx: Context, { store, docker }: Composed, { proxy }: DownFlags): Promise<ExitCode> {
  if (!docker?.removeProxy) return exitCodes.success
  const served = (await store.listResources()).filter(({ live }) => live[docker.target.key] !== undefined)
  if (served.length > 0) {
    if (proxy) ctx.warn(`Caddy goes on: it serves ${served.map(({ id }) => id).join(', ')}.`)
    return proxy ? exitCodes.failure : exitCodes.success
  }
  if (!proxy) {
    ctx.say('  Nothing is behind Caddy now, and its container goes on: appaloft down --proxy takes it away')
    return exitCodes.success
  }
  const removed = await docker.removeProxy()
  ctx.json({ kind: 'proxy-removed', removed })
  ctx.say(
    removed
      ? `${ctx.style.green('✔')} Caddy’s container is gone; certificates stay`
      : 'Caddy’s container was not there.',
  )
  return exitCodes.success
}
