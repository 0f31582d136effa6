import { kinds } from '../test/docker/kinds.js'
import { tellStories } from '../test/docker/story.js'

tellStories(
  kinds.filter(({ everyRun }) => everyRun),
  { foreign: 13 },
)
