import { detectCases } from './planner/detecting.js'
import { hostileCases } from './planner/hostile.js'
import type { PlannerSubject } from './planner/kit.js'
import { planCases } from './planner/planning.js'
import type { ConformanceCase } from './suite.js'

export type { PlannerSample, PlannerSubject } from './planner/kit.js'

/** What every planner promises. The subject brings the sources that the planner claims, blocks and leaves alone. */
export const plannerConformance: ConformanceCase<PlannerSubject>[] = [...detectCases, ...planCases, ...hostileCases]
