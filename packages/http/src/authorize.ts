import type { ErrorCode } from '@appaloft/core/spec'
import { AppaloftError } from '@appaloft/core/spec'
import { z } from 'zod'
import type { Settings } from './options.js'

/** What a caller wants to do: the method of the SDK that the route calls, or the OpenAPI document. */
export type Action =
  | 'deployments.plan'
  | 'deployments.create'
  | 'deployments.list'
  | 'deployments.show'
  | 'deployments.events'
  | 'deployments.recovery'
  | 'deployments.diagnostics'
  | 'deployments.retry'
  | 'deployments.rollback'
  | 'deployments.cancel'
  | 'rollouts.create'
  | 'rollouts.show'
  | 'rollouts.cancel'
  | 'resources.show'
  | 'resources.redeploy'
  | 'resources.remove'
  | 'openapi'

export interface AuthorizeInput {
  action: Action
  /** Where the request itself names one: in its path, its body, or as filter of a list. */
  resourceId?: string
  deploymentId?: string
  rolloutId?: string
  /** The body, read and checked, where there is one. `resource` is an object where the caller hands in a whole definition. */
  body?: unknown
  /** As it came. A body was read already. */
  request: Request
}

/** Limits what is allowed to some resources: their deployments, events and verbs, and what lists show. */
export interface Scope {
  resourceIds: readonly string[]
}

export interface Decision {
  /** Anything but true refuses. */
  allow: boolean
  /** Absent: everything. */
  scope?: Scope
}

/**
 * Decides on a request. Called once for each, after its form was checked and before the engine is asked anything, so that a caller who
 * may do nothing learns nothing. A refusal is answered with 404, as if the thing did not exist. When the hook throws (or rejects), the answer is
 * 503 `authorization-unavailable`: nobody takes a broken hook for a thing that is gone.
 */
export type Authorize = (input: AuthorizeInput) => Decision | Promise<Decision>

const decisionSchema = z.object({
  allow: z.literal(true),
  scope: z.object({ resourceIds: z.array(z.string()) }).optional(),
})

/** The resources that the caller may see; null: all. */
export type Visible = ReadonlySet<string> | null

export const sees = (visible: Visible, resourceId: string | undefined): boolean =>
  visible === null || (resourceId !== undefined && visible.has(resourceId))

/** Refusals are thrown as `missing`: the code of a thing of this kind that does not exist. */
export async function authorized(settings: Settings, input: AuthorizeInput, missing: ErrorCode): Promise<Visible> {
  let decision: unknown
  try {
    decision = await settings.authorize?.(input)
  } catch (error) {
    settings.onError(error, input.request)
    throw new AppaloftError('authorization-unavailable')
  }
  const parsed = decisionSchema.safeParse(decision)
  // Refused, or not understood: a scope with a mistake in it must not widen what is allowed.
  if (!parsed.success) throw new AppaloftError(missing)
  const { scope } = parsed.data
  return scope === undefined ? null : new Set(scope.resourceIds)
}
