import { wrongAddresses } from './addresses'
import { wrongControl } from './control'
import { wrongData } from './data'
import { wrongValues } from './values'
import type { WrongMessage } from './wrong-message'

export { thrownByGetter, wrongWholes } from './wholes'

/** On an IPv4 socket that is not connected. */
export const wrongMessages: WrongMessage[] = [...wrongData, ...wrongAddresses, ...wrongValues, ...wrongControl]
