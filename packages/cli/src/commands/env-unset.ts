import { withEngineHere } from '../engine.js'
import { nearest } from '../project/suggest.js'
import { checkName } from '../project/variables.js'
import { addChangeFlags, type ChangeFlags, change } from './env-change.js'
import type { Register } from './register.js'
import { namedResource } from './resource-here.js'

export const unset: Register = (group, run) => {
  const command = group.command('unset').description('take variables away').argument('<resource>').argument('<name...>')
  addChangeFlags(command).action(
    run((ctx, name: string, names: string[], flags: ChangeFlags) =>
      withEngineHere(ctx, async (parts) => {
        const before = await namedResource(parts, name)
        const present = Object.keys(before.definition.environment ?? {})
        for (const one of names.filter((one) => !present.includes(one))) {
          const meant = await nearest(one, present)
          ctx.warn(`${one} is not set${meant === undefined ? '' : `: did you mean ${meant}?`}`)
        }
        return change(ctx, parts, before, Object.fromEntries(names.map((one) => [checkName(one), null])), flags)
      }),
    ),
  )
}
