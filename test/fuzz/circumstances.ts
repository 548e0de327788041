// What a run is made of; nothing here loads the package.

/**
 * What loopback is like. `plain`: as it is. `narrow`: sends have to wait. `parallel`: received on another CPU.
 * `tight`: what is too much is dropped, and told to those who ask for errors.
 */
export const links = ['plain', 'narrow', 'parallel', 'tight'] as const
export type Link = (typeof links)[number]

/** What programs do that can be left out. */
export const habits = ['transfer', 'mangle', 'blocklists', 'lookalikes', 'control', 'getters', 'receiveInfo'] as const
export type Habit = (typeof habits)[number]
