import type { Failure } from '../spec/deployment.js'
import type { Attempt } from './attempt.js'
import type { DetectResult, PlanInput } from './detecting.js'

/** Where a rollout has a say in the attempts that it begins. What a hook throws is the attempt's failure. */
export interface AttemptHooks {
  /** Reads the source: so that what one attempt found is known to the next. */
  read?(input: PlanInput, read: (input: PlanInput) => Promise<DetectResult>): Promise<DetectResult>
  /** In the phase `plan`: is it what the other targets have? */
  compare?(found: DetectResult): void
  /** Verified, and not promoted yet. @param again verifies once more, where it waited */
  verified?(attempt: Attempt, again: () => Promise<void>): Promise<void>
  /** Promoted and access passed; what was live before still runs. */
  served?(attempt: Attempt): Promise<void>
  /** It has failed, and is about to be undone. */
  failing?(failure: Failure): void
}
