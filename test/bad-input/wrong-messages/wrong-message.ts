import { type Expected } from '../expect-error'

/**
 * One wrong message: what is wrong, the fields that make it so (beside good ones), and the error, in which the message
 * is called `name`. The fields are made anew for each call.
 */
export type WrongMessage = [what: string, fields: () => object, expected: (name: string) => Expected]

export const bytes = Buffer.from('never to arrive')
export const primitive = (value: unknown): object => ({ [Symbol.toPrimitive]: () => value, valueOf: () => value })
