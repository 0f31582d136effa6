export { type CompleteOptions, defaultComposition } from './composition.js'
export {
  type CompositionConfig,
  type Config,
  defineConfig,
  type FromEnv,
  type ResourceConfig,
} from './config/define.js'
