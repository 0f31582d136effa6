import { z } from 'zod'

// Of what the engine answers, the fields that are used. More may come, and versions differ in the rest.

const labels = z
  .record(z.string(), z.string())
  .nullish()
  .transform((value) => value ?? {})

export const containerSummarySchema = z.object({
  Id: z.string(),
  ImageID: z.string().default(''),
  /** Each with a slash before it. */
  Names: z.array(z.string()),
  State: z.string(),
  Image: z.string().default(''),
  /** None before the container runs. */
  Ports: z
    .array(z.object({ PrivatePort: z.number().default(0), PublicPort: z.number().optional() }))
    .nullish()
    .transform((value) => value ?? []),
  HostConfig: z.object({ NetworkMode: z.string().default('') }).default({ NetworkMode: '' }),
  /** Seconds since 1970. */
  Created: z.number().default(0),
  Labels: labels,
})
export const containerListSchema = z.array(containerSummarySchema)

export const containerSchema = z.object({
  Id: z.string(),
  Name: z.string(),
  Image: z.string(),
  RestartCount: z.number(),
  State: z.object({
    Status: z.string(),
    OOMKilled: z.boolean(),
    Pid: z.number(),
    ExitCode: z.number(),
    Error: z.string(),
    StartedAt: z.string(),
    Health: z
      .object({
        Status: z.string(),
        Log: z
          .array(z.object({ ExitCode: z.number(), Output: z.string() }))
          .nullish()
          .transform((value) => value ?? []),
      })
      .nullish(),
  }),
  Config: z.object({ Labels: labels }),
  NetworkSettings: z
    .object({
      Networks: z
        .record(z.string(), z.object({ NetworkID: z.string(), IPAddress: z.string() }))
        .nullish()
        .transform((value) => value ?? {}),
    })
    .nullish()
    .transform((value) => value ?? { Networks: {} }),
  HostConfig: z.object({
    PortBindings: z
      .record(z.string(), z.array(z.object({ HostIp: z.string(), HostPort: z.string() })).nullable())
      .nullish()
      .transform((value) => value ?? {}),
  }),
})
export type Container = z.infer<typeof containerSchema>

export const imageSchema = z.object({
  Id: z.string(),
  Architecture: z.string().default(''),
  Os: z.string().default(''),
  /** Of its layers, as they lie unpacked. */
  Size: z.number().default(0),
  RootFS: z
    .object({
      Layers: z
        .array(z.string())
        .nullish()
        .transform((value) => value ?? []),
    })
    .nullish()
    .transform((value) => value ?? { Layers: [] }),
  RepoTags: z
    .array(z.string())
    .nullish()
    .transform((value) => value ?? []),
  RepoDigests: z
    .array(z.string())
    .nullish()
    .transform((value) => value ?? []),
  Config: z
    .object({
      Env: z
        .array(z.string())
        .nullish()
        .transform((value) => value ?? []),
      Entrypoint: z
        .array(z.string())
        .nullish()
        .transform((value) => value ?? []),
      Cmd: z
        .array(z.string())
        .nullish()
        .transform((value) => value ?? []),
      User: z
        .string()
        .nullish()
        .transform((value) => value ?? ''),
      WorkingDir: z
        .string()
        .nullish()
        .transform((value) => value ?? ''),
      Volumes: z
        .record(z.string(), z.unknown())
        .nullish()
        .transform((value) => Object.keys(value ?? {})),
    })
    .nullish()
    .transform((value) => value ?? { Env: [], Entrypoint: [], Cmd: [], User: '', WorkingDir: '', Volumes: [] }),
})
export type Image = z.infer<typeof imageSchema>

export const imageListSchema = z.array(
  z.object({
    Id: z.string(),
    RepoTags: z
      .array(z.string())
      .nullish()
      .transform((value) => value ?? []),
    Labels: labels,
    Created: z.number(),
  }),
)

export const volumeSchema = z.object({ Name: z.string(), Labels: labels })
export const volumeListSchema = z.object({
  Volumes: z
    .array(volumeSchema)
    .nullish()
    .transform((value) => value ?? []),
})

export const networkSchema = z.object({
  Id: z.string(),
  Name: z.string(),
  Internal: z.boolean().default(false),
  Labels: labels,
})
export const networkListSchema = z.array(networkSchema)

export const versionSchema = z.object({
  Version: z.string(),
  ApiVersion: z.string(),
  Os: z.string().default('linux'),
  Arch: z.string().default(''),
})
export const infoSchema = z.object({
  DriverStatus: z
    .array(z.array(z.string()))
    .nullish()
    .transform((value) => value ?? []),
  DockerRootDir: z.string(),
  OperatingSystem: z.string(),
  Architecture: z.string(),
  SecurityOptions: z
    .array(z.string())
    .nullish()
    .transform((value) => value ?? []),
  Warnings: z
    .array(z.string())
    .nullish()
    .transform((value) => value ?? []),
})
export const createdSchema = z.object({ Id: z.string() })
export const execSchema = z.object({ ExitCode: z.number().nullable() })
export const distributionSchema = z.object({ Descriptor: z.object({ digest: z.string() }) })
