import type { Context } from '../context.js'
import { withEngineHere } from '../engine.js'
import { type ExitCode, exitCodes } from '../exit-codes.js'
import { clean, table } from '../output/text.js'
import { describeVariables, pendingVariables } from '../project/environment.js'
import type { Register } from './register.js'
import { namedResource } from './resource-here.js'

export const list: Register = (group, run) => {
  group
    .command('list')
    .description('its variables with their scope; of a secret the version, never the value')
    .argument('<resource>')
    .action(run(print))
}

const print = (ctx: Context, name: string): Promise<ExitCode> =>
  withEngineHere(ctx, async (parts) => {
    const { engine, store } = parts
    const { id } = await namedResource(parts, name)
    const resource = (await engine.resources.get(id)) ?? (await namedResource(parts, name))
    const pending = await pendingVariables(store, resource)
    const variables = describeVariables(resource)
    for (const variable of variables) {
      ctx.json({ kind: 'variable', resourceId: id, ...variable, live: !pending.includes(variable.name) })
    }
    if (variables.length === 0) ctx.say(`${id} has no variables. appaloft env set ${name} NAME=VALUE sets one.`)
    else {
      const rows = variables.map(({ name, scope, from, ...rest }) => [
        name,
        scope,
        from === 'set' ? 'env set' : 'definition',
        rest.secret ? ctx.style.dim(`secret, version ${rest.version}`) : clean(rest.value),
      ])
      for (const line of table([['NAME', 'SCOPE', 'FROM', 'VALUE'], ...rows])) ctx.result(line)
    }
    if (pending.length > 0) {
      ctx.say(`Not in what runs yet: ${pending.join(', ')}. appaloft redeploy ${name} brings it there.`)
    }
    return exitCodes.success
  })
