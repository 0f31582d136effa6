import { createRoute, planRoute } from './create.js'
import { diagnosticsRoute, listRoute, recoveryRoute, showRoute } from './deployments.js'
import { eventsRoute } from './events.js'
import { documentRoute } from './openapi.js'
import { redeployRoute, removeRoute, resourceRoute } from './resources.js'
import { cancelRolloutRoute, rolloutRoute, showRolloutRoute } from './rollouts.js'
import type { Route } from './route.js'
import { cancelRoute, retryRoute, rollbackRoute } from './verbs.js'

export const routes = (maxPageItems: number): Route[] => [
  planRoute(),
  createRoute(),
  listRoute(maxPageItems),
  showRoute(),
  eventsRoute(),
  recoveryRoute(),
  diagnosticsRoute(),
  retryRoute(),
  rollbackRoute(),
  cancelRoute(),
  redeployRoute(),
  resourceRoute(),
  removeRoute(),
  rolloutRoute(),
  showRolloutRoute(),
  cancelRolloutRoute(),
  documentRoute(),
]
