import type { Planner } from '@appaloft/core/spec'
import { detect, key } from './detect.js'
import { type StaticSiteOptions, settingsOf } from './options.js'
import { plan } from './plan.js'

/**
 * The planner for static sites: files that are served as they are, or as commands of the profile write them. Claims a tree with an
 * index.html and no manifest of a language, or with the sources of a site generator; `runtime.publishDirectory` and `runtime.planner: 'static'` make the claim explicit.
 */
export function staticSite(options: StaticSiteOptions = {}): Planner {
  const settings = settingsOf(options)
  return {
    specVersion: 1,
    key,
    detect: (context) => detect(context, settings),
    plan: (context) => plan(context, settings),
  }
}
