import type { Preview, Reason } from '@appaloft/core/spec'
import type { TargetConfig } from './define.js'

/** The text of a first configuration file: what must be said, and as comments what may be. */
export function initialConfig(
  resourceId: string,
  preview: Preview,
  format: 'ts' | 'json',
  { target, proxy, ssh }: Pick<TargetConfig, 'target' | 'proxy' | 'ssh'> = {},
): string {
  const fields = requiredFields(preview)
  const where = {
    ...(target === undefined ? {} : { target }),
    ...(ssh === undefined ? {} : { ssh }),
    ...(proxy === undefined ? {} : { proxy }),
  }
  if (format === 'json') return `${JSON.stringify({ ...where, id: resourceId, ...fields }, null, 2)}\n`
  return [
    "import { defineConfig } from 'appaloft'",
    '',
    'export default defineConfig({',
    ...Object.entries(where).map(([name, value]) => `  ${name}: ${written(value)},`),
    `  id: '${resourceId}',`,
    ...preview.unsupportedReasons.flatMap(reasonComment),
    ...Object.entries(fields).map(([name, value]) => `  ${name}: ${written(value)},`),
    '',
    '  // Found by itself; write it here to decide it yourself:',
    ...optionalFields(preview).map((line) => `  // ${line}`),
    '})',
    '',
  ].join('\n')
}

/** What a plan without it would be blocked for, where the fix has an example to copy. */
function requiredFields(preview: Preview): Record<string, Record<string, string>> {
  const fields: Record<string, Record<string, string>> = {}
  for (const { overridePath } of preview.unsupportedReasons) {
    for (const { profileField, example } of overridePath.slice(0, 1)) {
      const [profile, field, inField] = profileField?.split('.') ?? []
      if (profile !== 'runtime' || field === undefined || inField !== undefined || example === undefined) continue
      fields[profile] = { ...fields[profile], [field]: example }
    }
  }
  return fields
}

const reasonComment = ({ code, message, fixPath }: Reason): string[] => [
  `  // ${code}: ${oneLine(message)}`,
  ...fixPath.slice(0, 1).map(({ action }) => `  // fix: ${oneLine(action)}`),
]

function optionalFields(preview: Preview): string[] {
  const commands = Object.entries(preview.commands).flatMap(([name, planned]) =>
    typeof planned.command === 'string' ? [`${name}Command: ${quote(planned.command)}`] : [],
  )
  const port = preview.network?.internalPort
  return [
    ...(commands.length === 0 ? [] : [`runtime: { ${commands.join(', ')} },`]),
    ...(port === undefined ? [] : [`network: { internalPort: ${port} },`]),
    "health: { path: '/' },",
    "access: { hostnames: ['app.example.com'] },",
    "environment: { API_TOKEN: { fromEnv: 'API_TOKEN', secret: true } },",
  ]
}

function written(value: unknown): string {
  if (typeof value === 'string') return quote(value)
  if (Array.isArray(value)) return `[${value.map(written).join(', ')}]`
  if (typeof value !== 'object' || value === null) return String(value)
  const fields = Object.entries(value).map(([name, one]) => `${name}: ${written(one)}`)
  return `{ ${fields.join(', ')} }`
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ')
const quote = (text: string): string =>
  `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n')}'`
