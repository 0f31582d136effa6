import type { ConformanceCase } from './suite.js'
import { buildingCases } from './target/building.js'
import { commandCases } from './target/commands.js'
import { describingCases } from './target/describing.js'
import { endingCases } from './target/ending.js'
import { fencingCases } from './target/fencing.js'
import { leasingCases } from './target/leasing.js'
import { recordCases } from './target/records.js'
import { runningCases } from './target/running.js'
import type { TargetFactory } from './target/stage.js'

export { fakeSamples, nodeSamples, type SampleApp, type TargetSamples } from './target/samples.js'
export { type TargetFactory, type TargetSubject, targetAbilities } from './target/stage.js'

/**
 * What every target promises. Each case gets a machine of its own and cleans up. `targetAbilities(target)` tells what the target
 * declares; add `processes` where releases are processes of this machine that a case may look at, `files` where the samples' files are
 * real, and `restarts` where a promoted release is started again after a crash.
 */
export const targetConformance: readonly ConformanceCase<TargetFactory>[] = [
  ...describingCases,
  ...buildingCases,
  ...runningCases,
  ...endingCases,
  ...commandCases,
  ...fencingCases,
  ...leasingCases,
  ...recordCases,
]
