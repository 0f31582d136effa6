import type { Plan, Preview } from '@appaloft/core/spec'
import { evidenceLine, reasonLines } from './facts.js'
import type { Style } from './style.js'
import { clean, commandLine, table } from './text.js'

/** A preview as a person reads it: the same sections whether ready or blocked. */
export function previewLines(
  resourceId: string,
  preview: Preview,
  style: Style,
  { files = false }: { files?: boolean } = {},
): string[] {
  const { status } = preview.readiness
  const more = preview.evidence.length - mostEvidence
  const word = { ready: style.green, warning: style.yellow, blocked: style.red }[status](status)
  return [
    `Plan for ${style.bold(resourceId)}: ${word}`,
    ...table(factRows(preview).map(([name, value]) => [`  ${style.dim(name)}`, value])),
    ...section('steps', stepRows(preview), style),
    ...section('files', fileRows(preview, files, style), style),
    ...section(
      'evidence',
      [
        ...preview.evidence.slice(0, mostEvidence).map(evidenceLine),
        ...(more > 0 ? [`and ${more} more, with --json`] : []),
      ],
      style,
    ),
    ...section('other planners', candidateRows(preview, style), style),
    ...preview.unsupportedReasons.flatMap((reason) => reasonLines(reason, style, 'blocked')),
    ...preview.warnings.flatMap((reason) => reasonLines(reason, style, 'warning')),
  ]
}

const mostEvidence = 16

/** Who claimed the source too, on what, and why somebody else plans it. */
function candidateRows({ candidates }: Preview, style: Style): string[] {
  const lost = candidates.filter(({ lostBecause }) => lostBecause !== undefined)
  return lost.flatMap(({ planner, basis, reason, lostBecause, evidence }) => [
    `${planner} (${basis}): ${clean(reason)} ${style.dim(`Not taken: ${clean(lostBecause ?? '')}`)}`,
    ...evidence.slice(0, 3).map((one) => style.dim(`  seen: ${evidenceLine(one)}`)),
  ])
}

/** What is written for the build, beside the source and never into it. */
function fileRows({ generatedFiles }: Preview, shown: boolean, style: Style): string[] {
  return generatedFiles.flatMap(({ path, content }) => {
    const lines = content.replace(/\n$/, '').split('\n')
    const name = `${clean(path)}, ${lines.length} lines`
    return shown ? [`${name}:`, ...lines.map((line) => style.dim(`│ ${clean(line)}`))] : [`${name}; --files shows it`]
  })
}

const section = (title: string, lines: string[], style: Style): string[] =>
  lines.length === 0 ? [] : [`  ${style.dim(title)}`, ...lines.map((line) => `    ${line}`)]

function factRows(preview: Preview): [name: string, value: string][] {
  const { source, framework, runtime, planner, artifact, network, health, access } = preview
  const rows: [string, string | undefined][] = [
    ['source', source ? sourceText(source) : undefined],
    ['framework', framework && [framework.name, framework.version, framework.mode].filter(Boolean).join(' ')],
    ['runtime', runtime && [runtime.family, runtime.version, runtime.packageManager?.name].filter(Boolean).join(' ')],
    ['planner', planner ? `${planner.key}, ${planner.supportTier}: ${planner.reason}` : undefined],
    ['artifact', artifact ? artifactText(artifact) : undefined],
    ...Object.entries(preview.commands).map(([name, planned]): [string, string] => [
      name,
      `${commandLine(planned.command)}  (${planned.from === 'planner' && planner ? `planner ${planner.key}` : planned.from})`,
    ]),
    ['network', network ? networkText(network) : undefined],
    ['health', health ? healthText(health) : undefined],
    ['access', access ? accessText(access) : undefined],
    ['fingerprint', preview.fingerprint],
  ]
  return rows.flatMap(([name, value]) => (value ? [[name, clean(value)]] : []))
}

function sourceText(source: NonNullable<Preview['source']>): string {
  const what = source.url ?? source.image ?? source.name ?? ''
  const at = source.commitSha === undefined ? '' : ` at ${source.commitSha.slice(0, 12)}`
  const ref = source.gitRef === undefined ? '' : ` (${source.gitRef})`
  const files = source.files === undefined ? '' : `, ${source.files} files`
  const base = source.baseDirectory === '.' ? '' : `, in ${source.baseDirectory}`
  return `${source.kind} ${what}${ref}${at}${base}${files}`
}

function artifactText(artifact: Plan['artifact']): string {
  switch (artifact.kind) {
    case 'static-site':
      return `static-site from ${artifact.publishDirectory}${artifact.spaFallback ? ', unknown paths get index.html' : ''}`
    case 'workspace':
      return `workspace in ${artifact.workingDirectory}`
    case 'dockerfile':
      return [
        `dockerfile ${artifact.dockerfilePath}`,
        artifact.buildTarget === undefined ? '' : `, stage ${artifact.buildTarget}`,
        artifact.context === '.' ? '' : `, built in ${artifact.context}`,
      ].join('')
    case 'compose-project':
      return `compose-project of ${artifact.services.join(', ')}`
    case 'image':
      return `image ${artifact.image}`
  }
}

function networkText(network: Plan['network']): string {
  const port = network.internalPort === undefined ? 'no port' : `port ${network.internalPort} (${network.from})`
  const fixed = network.honoursPort ? '' : ', fixed'
  return `${port}${fixed}, ${network.exposure}, drains up to ${network.drainSeconds} s`
}

function healthText(health: Plan['health']): string {
  if (!health.enabled) return 'off'
  if (health.type === 'command') return `command ${commandLine(health.command ?? '')}`
  if (health.type === 'tcp') return 'a connection'
  const expected = health.expectedStatus === undefined ? 'anything below 500' : String(health.expectedStatus)
  return `${health.method} ${health.path} gives ${expected}${health.defaulted ? ' (default)' : ''}`
}

function accessText(access: Plan['access']): string {
  if (access.hostnames.length === 0) return access.pathPrefix === '/' ? 'a port of its own' : access.pathPrefix
  const path = access.pathPrefix === '/' ? '' : access.pathPrefix
  const redirect = access.redirectTo === undefined ? '' : ` to ${access.redirectTo}`
  return `${access.hostnames.map((name) => name + path).join(', ')}${redirect}, TLS ${access.tls}`
}

const stepRows = (preview: Preview): string[] =>
  table(preview.steps.map(({ id, title, when }) => [id, clean(title), when === 'always' ? '' : `(${when})`]))
