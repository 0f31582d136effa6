import { realpathSync } from 'node:fs'
import { type Appaloft, AppaloftError, type SourceKind, sourceSchema } from '@appaloft/core/spec'
import type { Authorize } from './authorize.js'

export interface HandlerOptions {
  /** Who may do what. Without it every route is refused, the OpenAPI document included. */
  authorize?: Authorize
  /** Kinds of sources for which a body may carry a whole definition. Default: none, and bodies name resources by id. */
  allowSources?: readonly SourceKind[]
  /** Absolute folders: local paths of definitions lie in one of them, after links are resolved. Default: none. */
  sourceRoots?: readonly string[]
  /** More paths of this machine that no answer may show; give the state folder where it is not the default one. */
  hidePaths?: readonly string[]
  /** What stands before `/api` in the path, where the handler is mounted below another path: `/deploy`. Default: nothing. */
  basePath?: string
  /** Bytes of a request's body. Default 1 MiB. */
  maxBodyBytes?: number
  /** Deployments of one page. Default 100. */
  maxPageItems?: number
  /** Told of every error whose details the caller is not shown: of the engine, and of `authorize`. What it throws is ignored. */
  onError?(error: unknown, request: Request): void
}

export interface Settings {
  appaloft: Appaloft
  authorize: Authorize | undefined
  allowSources: readonly SourceKind[]
  sourceRoots: readonly string[]
  hidePaths: readonly string[]
  basePath: string
  maxBodyBytes: number
  maxPageItems: number
  onError(error: unknown, request: Request): void
}

const kinds: readonly string[] = sourceSchema.options.map((one) => one.shape.kind.value)

/** Checks all options at once: `invalid-composition` lists every fault. */
export function settingsOf(appaloft: Appaloft, options: HandlerOptions): Settings {
  const { basePath = '', maxBodyBytes = 1024 * 1024, maxPageItems = 100 } = options
  const { allowSources = [], sourceRoots = [], hidePaths = [] } = options
  const issues = [
    ...allowSources.filter((one) => !kinds.includes(one)).map((one) => `allowSources: ${one} is no kind of source`),
    ...sourceRoots.filter((one) => !one.startsWith('/')).map((one) => `sourceRoots: ${one} is not an absolute path`),
    ...hidePaths.filter((one) => !one.startsWith('/')).map((one) => `hidePaths: ${one} is not an absolute path`),
    ...(basePath === '' || /^(?:\/[\w.~-]+)+$/.test(basePath)
      ? []
      : ['basePath begins with / and does not end with it']),
    ...(isCount(maxBodyBytes) ? [] : ['maxBodyBytes is a whole number from 1']),
    ...(isCount(maxPageItems) && maxPageItems <= 1000 ? [] : ['maxPageItems is a whole number from 1 to 1000']),
    ...(options.authorize === undefined || typeof options.authorize === 'function' ? [] : ['authorize is a function']),
  ]
  if (issues.length > 0)
    throw new AppaloftError('invalid-composition', {
      message: `createHandler was given options that do not fit: ${issues.join('; ')}.`,
      details: { issues },
    })
  return {
    appaloft,
    authorize: options.authorize,
    allowSources,
    sourceRoots,
    hidePaths,
    basePath,
    maxBodyBytes,
    maxPageItems,
    onError(error, request) {
      try {
        options.onError?.(error, request)
      } catch {
        // A listener cannot break an answer.
      }
    },
  }
}

const isCount = (value: number) => Number.isSafeInteger(value) && value >= 1

/** The path without links, or null where it does not exist (or may not be looked at). */
export function realPath(path: string): string | null {
  try {
    return realpathSync.native(path)
  } catch {
    return null
  }
}
