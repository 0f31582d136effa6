import { limits } from './options.js'
import { bounded, ComposeProblem, type Place } from './problem.js'
import { eachEntry, eachItem, like, type Mapping, type Node, text } from './tree.js'
import type { Variables } from './variables.js'

const braced = /^([A-Za-z_][A-Za-z0-9_]*)(?:(:?)([-?+])([\s\S]*))?$/
const named = /[A-Za-z_][A-Za-z0-9_]*/y

/**
 * Replaces `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:?error}`, `${NAME?error}`, `${NAME:+other}`, `${NAME+other}`, each nested
 * in the others, and `$$`, as the Compose specification has it. A dollar before anything else stays.
 *
 * @throws ComposeProblem for a variable that is required and has no value, and for a brace without its pair or a name.
 */
export function substitute(template: string, variables: Variables, at: Place, where: string, depth = 0): string {
  let out = ''
  let i = 0
  for (;;) {
    const dollar = template.indexOf('$', i)
    if (dollar === -1) return out + template.slice(i)
    out += template.slice(i, dollar)
    const next = template[dollar + 1]
    if (next === '{') {
      const end = closing(template, dollar)
      const parts = end === -1 ? null : braced.exec(template.slice(dollar + 2, end))
      if (parts === null || depth > limits.depth)
        throw new ComposeProblem(
          `${where}: the part after a dollar is not \${NAME}, \${NAME:-default} or the like.`,
          at,
          {
            fixPath: [{ action: 'Write a dollar that is meant as such twice.', example: '$$' }],
          },
        )
      out += value(parts as unknown as Parts, variables, at, where, depth)
      i = end + 1
      continue
    }
    named.lastIndex = dollar + 1
    const [name] = named.exec(template) ?? []
    if (name !== undefined) out += read(name, variables, at)
    else out += '$'
    i = dollar + 1 + (name?.length ?? (next === '$' ? 1 : 0))
  }
}

type Parts = [string, name: string, colon?: string, operator?: string, operand?: string]

function value(
  [, name, colon, operator, operand = '']: Parts,
  variables: Variables,
  at: Place,
  where: string,
  depth: number,
) {
  if (operator === undefined) return read(name, variables, at)
  const known = variables.get(name)
  const there = known !== undefined && (colon === '' || known !== '')
  const other = () => substitute(operand, variables, at, where, depth + 1)
  if (operator === '+') return there ? other() : ''
  if (there) return variables.spend(known ?? '', at)
  if (operator === '-') return other()
  const said = other()
  throw new ComposeProblem(
    `${where}: the variable ${name} has no value${said === '' ? '' : ` (${bounded(said)})`}.`,
    at,
    {
      fixPath: [{ action: 'Give it a value in the .env file beside the Compose file.', example: `${name}=…` }],
      overridePath: [{ action: 'Set the variable.', profileField: `environment.${name}.value` }],
    },
  )
}

function read(name: string, variables: Variables, at: Place): string {
  const known = variables.get(name)
  if (known === undefined && !variables.unset.has(name)) variables.unset.set(name, at)
  return variables.spend(known ?? '', at)
}

/** The brace that closes the one after a dollar; -1 where there is none. Only `${` opens one more. */
function closing(template: string, dollar: number): number {
  let level = 0
  for (let i = dollar; i < template.length; i++) {
    if (template[i] === '}') {
      level -= 1
      if (level === 0) return i
    } else if (template[i] === '$' && template[i + 1] === '{') {
      level += 1
      i += 1
    }
  }
  return -1
}

/** Substitutes in each text of a document; keys are taken as they are. */
export function interpolate(root: Mapping, variables: Variables): Mapping {
  const done = new Map<Node, Node>()
  const walk = (node: Node, where: string): Node => {
    const known = done.get(node)
    if (known !== undefined) return known
    const walked = step(node, where)
    done.set(node, walked)
    return walked
  }
  const step = (node: Node, where: string): Node => {
    if (node.tag === 'reset') return node
    if (node.kind === 'map') return eachEntry(node, (one, key) => walk(one, where === '' ? key : `${where}.${key}`))
    if (node.kind === 'list') return eachItem(node, (one) => walk(one, where))
    if (typeof node.value !== 'string' || !node.value.includes('$')) return node
    return like(text(substitute(node.value, variables, node.at, bounded(where)), node.at), node)
  }
  return walk(root, '') as Mapping
}
