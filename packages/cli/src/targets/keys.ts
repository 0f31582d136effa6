// Apart from the schemas, which take time to load.

export const targetKeys = ['process', 'docker', 'ssh'] as const
export const proxyKeys = ['embedded', 'caddy'] as const
