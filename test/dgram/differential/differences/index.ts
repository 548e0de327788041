// Where ours differs from node:dgram on purpose, or because Node's versions differ. Each must still occur.
import { bindingDiffers } from './binding'
import { connectingDiffers } from './connecting'
import { creatingDiffers } from './creating'
import { multicastDiffers } from './multicast'
import type { Differing } from './pair'
import { sendingDiffers } from './sending'

export const differences: readonly Differing[] = [
  ...creatingDiffers,
  ...bindingDiffers,
  ...connectingDiffers,
  ...sendingDiffers,
  ...multicastDiffers,
]
export { newerNode } from './newer-node'
export type { Differing } from './pair'
