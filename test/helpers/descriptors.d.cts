export function descriptors(): Map<number, string>
export function countSockets(): number
export function descriptorsByPort(table?: 'udp' | 'udp6'): Map<number, number>
export function descriptorOf(port: number, table?: 'udp' | 'udp6'): number
export function flagsOf(descriptor: number): number
