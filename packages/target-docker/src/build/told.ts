import { LineSplitter, type LogLine, type Progress } from '@appaloft/core/spec'
import type { BuildEvent } from './rawjson.js'

/** What commands print becomes the build's log, and each instruction tells when it begins, how far it is and how it ended. */
export function told(log: (line: LogLine) => void): (event: BuildEvent) => void {
  const splitters = new Map<string, LineSplitter>()
  return (event) => {
    if (event.type === 'message') return
    if (event.type === 'output') {
      const key = `${event.step}/${event.stream}`
      const splitter = splitters.get(key) ?? new LineSplitter((text) => log({ stream: event.stream, text }))
      splitters.set(key, splitter)
      splitter.push(event.data)
      return
    }
    if (event.type === 'step-succeeded' || event.type === 'step-failed') {
      for (const stream of ['stdout', 'stderr'] as const) {
        splitters.get(`${event.step}/${stream}`)?.end()
        splitters.delete(`${event.step}/${stream}`)
      }
    }
    const progress = progressOf(event)
    if (progress !== null) log({ stream: 'stdout', text: wordsOf(progress), progress })
  }
}

const statuses = {
  'step-started': 'started',
  'step-progress': 'running',
  'step-succeeded': 'succeeded',
  'step-failed': 'failed',
} as const

/** Null: what the builder does for itself, such as reading the Dockerfile. */
function progressOf(event: Exclude<BuildEvent, { type: 'output' | 'message' }>): Progress | null {
  const [, stage, index, total, name = ''] = /^\[(?:(\S+) +)?(\d+)\/(\d+)\] (.+)$/s.exec(event.name) ?? []
  if (index === undefined && event.name !== 'exporting to image') return null
  return {
    id: event.step,
    name: index === undefined ? event.name : plain(name),
    status: statuses[event.type],
    ...(stage === undefined ? {} : { stage }),
    ...(index === undefined ? {} : { index: Number(index), total: Number(total) }),
    ...(event.type === 'step-progress' ? { percent: event.percent } : {}),
    ...(event.type === 'step-succeeded' && event.cached ? { cached: true } : {}),
    ...(event.type === 'step-succeeded' || event.type === 'step-failed' ? { milliseconds: event.milliseconds } : {}),
  }
}

/** The command of a Dockerfile of ours, without what runs it. The builder writes the quotes within a word as they are. */
function plain(name: string): string {
  const argv = /^RUN .*exec "\$@"","sh","(.*)"\]$/s.exec(name)?.[1]?.split('","')
  if (argv === undefined) return name
  return `RUN ${(argv[0] === '/bin/sh' && argv[1] === '-c' ? argv.slice(2) : argv).join(' ')}`
}

function wordsOf({ stage, index, total, name, status, cached, milliseconds = 0, percent }: Progress): string {
  const place = index === undefined ? '' : `[${stage === undefined ? '' : `${stage} `}${index}/${total}] `
  const how = {
    started: '',
    running: `: ${percent} %`,
    succeeded: cached === true ? ': unchanged' : `: done in ${(milliseconds / 1000).toFixed(1)} s`,
    failed: ': failed',
  }[status]
  return `${place}${name}${how}`
}
