import type { ResourceRecord, Store } from '@appaloft/core/spec'
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
          const { engine } = parts
          if (flags.proxy && !parts.parts?.some(({ removeProxy }) => removeProxy !== null))
            throw usageError('--proxy takes Caddy’s container away, and no release here is behind one.')
          if (resources.length === 0) ctx.say('Nothing was deployed from this folder.')
          const there = await touchedBy(parts.store, resources)
          for (const { id } of resources) {
            await engine.resources.remove(id, flags.volumes ? { volumes: true } : {})
            ctx.json({ kind: 'removed', resourceId: id })
            ctx.say(`${ctx.style.green('✔')} ${id} is down`)
          }
          return await proxyDown(ctx, parts, flags, there)
        }),
      ),
    )
}

/** The targets that attempts came as far as: elsewhere no Caddy was started for these. */
async function touchedBy(store: Store, resources: readonly ResourceRecord[]): Promise<Set<string>> {
  const all = await Promise.all(resources.map(({ id }) => store.listDeployments({ resourceId: id })))
  const untouched = [null, 'detect', 'plan']
  const attempts = all.flat().filter(({ currentPhase }) => !untouched.includes(currentPhase))
  return new Set([...resources.flatMap(({ live }) => Object.keys(live)), ...attempts.map(({ target }) => target)])
}

/** A proxy's container goes when it is asked for and nothing is behind it; else it is said that it goes on. */
async function proxyDown(
  ctx: Context,
  { store, parts = [] }: Composed,
  { proxy }: DownFlags,
  there: ReadonlySet<string>,
): Promise<ExitCode> {
  let code: ExitCode = exitCodes.success
  const ours = parts.filter(({ removeProxy }) => removeProxy !== null)
  for (const { target, removeProxy } of ours) {
    const where = ours.length === 1 ? '' : ` (${target.key})`
    const served = (await store.listResources()).filter(({ live }) => live[target.key] !== undefined)
    if (served.length > 0) {
      if (proxy) ctx.warn(`Caddy${where} goes on: it serves ${served.map(({ id }) => id).join(', ')}.`)
      if (proxy) code = exitCodes.failure
    } else if (!proxy) {
      if (there.has(target.key))
        ctx.say(`  Nothing is behind Caddy${where} now, and its container goes on: appaloft down --proxy takes it away`)
    } else {
      const removed = (await removeProxy?.()) ?? false
      ctx.json({ kind: 'proxy-removed', removed, ...(ours.length > 1 && { target: target.key }) })
      ctx.say(
        removed
          ? `${ctx.style.green('✔')} Caddy’s container${where} is gone; certificates stay`
          : `Caddy’s container${where} was not there.`,
      )
    }
  }
  return code
}
