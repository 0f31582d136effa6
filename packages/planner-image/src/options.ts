/** Profile fields that say how something is built: an image is built already. */
export const buildFields = [
  'installCommand',
  'buildCommand',
  'packageCommand',
  'publishDirectory',
  'dockerfilePath',
  'buildTarget',
  'buildArgs',
  'composeFiles',
] as const
