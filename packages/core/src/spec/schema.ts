import { z } from 'zod'

/*
 * Objects whose fields are made when they are first looked at. Making a field costs more than parsing it, and who imports the contracts
 * needs few of them: this way an import costs little more than zod's own.
 */

type Shape = z.core.$ZodLooseShape

function lazily<S extends Shape>(shape: () => S, rest: { catchall?: z.core.$ZodType }): z.core.$ZodObjectDef<S> {
  let made: S | undefined
  return {
    type: 'object',
    get shape() {
      made ??= shape()
      return made
    },
    ...rest,
  }
}

/** As `z.object`. */
export const object = <S extends Shape>(shape: () => S): z.ZodObject<S, z.core.$strip> =>
  new z.ZodObject(lazily(shape, {})) as z.ZodObject<S, z.core.$strip>

const nothing = z.never()

/** As `z.strictObject`. */
export const strictObject = <S extends Shape>(shape: () => S): z.ZodObject<S, z.core.$strict> =>
  new z.ZodObject(lazily(shape, { catchall: nothing })) as z.ZodObject<S, z.core.$strict>
