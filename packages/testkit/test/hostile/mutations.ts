import type { Random } from '../../src/simulation/random.js'
import type { Sample } from './sources.js'

/** Files that some planner reads: what one of them holds may stand in any other. */
const names = [
  ...['package.json', 'package-lock.json', 'npm-shrinkwrap.json', 'pnpm-lock.yaml', 'yarn.lock', 'bun.lock', '.npmrc'],
  ...[
    'pnpm-workspace.yaml',
    'turbo.json',
    'nx.json',
    'lerna.json',
    '.yarnrc.yml',
    '.nvmrc',
    '.tool-versions',
    'Procfile',
  ],
  ...['Dockerfile', '.dockerignore', 'compose.yaml', 'docker-compose.override.yml', '.env', 'angular.json', 'app.json'],
  ...['next.config.js', 'nuxt.config.ts', 'astro.config.mjs', 'vite.config.ts', 'svelte.config.js', 'tsconfig.json'],
  ...['_redirects', '_headers', '.htaccess', 'netlify.toml', 'vercel.json', 'firebase.json', 'wrangler.jsonc'],
  ...['hugo.toml', 'config.toml', '_config.yml', 'mkdocs.yml', 'book.toml', 'Gemfile', 'server.js', 'index.html'],
]

const words = [
  ...[
    '{',
    '}',
    '[',
    ']',
    '"',
    "'",
    '`',
    ',',
    ':',
    '\n',
    '\r\n',
    '\\',
    '\\\n',
    '\t',
    ' ',
    '\0',
    '\uFEFF',
    '\u2028',
    '\uD800',
  ],
  ...['null', 'true', '-1', '1e999', '99999999999999999999', '😀', '../', '/', '**/', '!', '__proto__', 'constructor'],
  ...[
    '${',
    '$A',
    '${A:-',
    '$$',
    '&a ',
    '*a',
    '<<: ',
    '!reset ',
    '!!binary ',
    '? ',
    '- ',
    '| ',
    '> ',
    '---\n',
    '#',
    '//',
    '/*',
    '*/',
  ],
  ...['FROM ', 'ARG ', 'EXPOSE 1-65535', 'COPY --from=', '<<EOF\n', 'ONBUILD ', 'services:', 'extends:', 'include:'],
  ...['(', ')', '=>', 'import ', 'export default ', 'process.env.PORT', 'require(', '/(a+)+$/', '<!--', ']]>'],
  ...['"scripts":', '"workspaces":', '"dependencies":', '[[redirects]]', '/* /index.html 200\n', 'workspace:*', '^x'],
]

const nested = (depth: number, open: string, close: string): string => open.repeat(depth) + close.repeat(depth)

/** Values that no author writes where another sort is meant. */
function strange(random: Random): unknown {
  const values: (() => unknown)[] = [
    () => null,
    () => [],
    () => ({}),
    () => -1,
    () => 1e308,
    () => true,
    () => '',
    () => 'x'.repeat(20_000),
    () => '../'.repeat(300),
    () => '\0',
    () => JSON.parse(nested(800, '[', ']')),
    () => JSON.parse('{"__proto__": {"start": 1}, "constructor": {"prototype": []}, "toString": "x"}'),
    () => Array.from({ length: 5000 }, (_, index) => index),
    () => Object.fromEntries(Array.from({ length: 3000 }, (_, index) => [`k${index}`, `^${index}`])),
    () => Array.from({ length: 200 }, () => '**/*'.repeat(10)),
  ]
  return random.pick(values)()
}

/** Replaces one value somewhere in a document. */
function replaced(value: unknown, random: Random): unknown {
  if (typeof value !== 'object' || value === null || random.chance(0.2)) return strange(random)
  const entries = Object.entries(value)
  if (entries.length === 0) return strange(random)
  const [key, inner] = random.pick(entries)
  const next = replaced(inner, random)
  if (Array.isArray(value)) return value.map((one, index) => (String(index) === key ? next : one))
  return Object.fromEntries(entries.map(([name, one]) => [name, name === key ? next : one]))
}

function edited(text: string, random: Random): string {
  let now = text
  for (let left = 1 + random.whole(0, 5); left > 0; left--) {
    const start = random.whole(0, now.length)
    const length = random.chance(0.5) ? 0 : random.whole(0, 59)
    const times = random.chance(0.04) ? random.whole(0, 2999) : 1
    now = now.slice(0, start) + random.pick(words).repeat(times) + now.slice(start + length)
  }
  return now
}

/** One file's text, changed. `others` are texts of other files. */
function mutated(text: string, others: readonly string[], random: Random): string {
  const which = random.next()
  if (which < 0.3) {
    try {
      return JSON.stringify(replaced(JSON.parse(text), random))
    } catch {
      return edited(text, random)
    }
  }
  if (which < 0.36) return random.pick(others)
  if (which < 0.4) return text.slice(0, random.whole(0, text.length))
  if (which < 0.43) return text.repeat(2 + random.whole(0, 19))
  if (which < 0.45) return nested(2000 + random.whole(0, 19_999), random.pick(['[', '{"a":', '- ', '(', '${A:-']), '')
  return edited(text, random)
}

/** A source of a sample with some of its files changed, and some of others put in. */
export function mutate(samples: readonly Sample[], random: Random): Record<string, string> {
  const files = { ...random.pick(samples).files }
  const foreign = () => random.pick(Object.values(random.pick(samples).files))
  const others = [foreign(), foreign(), foreign()]
  const own = Object.keys(files)
  for (let left = 1 + random.whole(0, 2); left > 0; left--) {
    const name = random.pick(own)
    files[name] = mutated(files[name] ?? '', others, random)
  }
  while (random.chance(0.3)) {
    const name = random.pick(names)
    if (!own.some((one) => one.startsWith(`${name}/`))) files[name] = mutated(random.pick(others), others, random)
  }
  return files
}
