import Table from 'cli-table3'

/** Who ours is compared with: the key in a case's programs, and the name that people read. */
export const PEERS = { c: 'C', dgram: 'dgram', bun: 'Bun', python: 'Python', go: 'Go' }
/** These stand in the first table, with their targets, and in the picture. */
export const BESIDE = ['c', 'dgram']

export function table(head, rows) {
  const made = new Table({
    head,
    style: { head: [], border: [] },
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
  })
  made.push(...rows)
  return made.toString()
}

const ratioText = (ratio) =>
  ratio === undefined ? '' : `${ratio.median.toFixed(2)} (${ratio.least.toFixed(2)} to ${ratio.most.toFixed(2)})`

const targetText = (ratio) => (ratio?.target === undefined ? '' : `${ratio.target} ${ratio.met ? 'met' : 'missed'}`)

export function tableOfCases(results) {
  const first = table(
    ['case', 'datagrams', 'CPU ns each', ...BESIDE.flatMap((peer) => [`to ${PEERS[peer]}`, 'target'])],
    results.map(({ title, datagrams, nanoseconds, ratios }) => [
      title,
      datagrams,
      nanoseconds.sendmsg.toFixed(0),
      ...BESIDE.flatMap((peer) => [ratioText(ratios[peer]), targetText(ratios[peer])]),
    ]),
  )
  const others = Object.keys(PEERS).filter(
    (peer) => !BESIDE.includes(peer) && results.some(({ ratios }) => ratios[peer] !== undefined),
  )
  if (others.length === 0) return first
  const second = table(
    ['case', ...others.map((peer) => `to ${PEERS[peer]}`)],
    results
      .filter(({ ratios }) => others.some((peer) => ratios[peer] !== undefined))
      .map(({ title, ratios }) => [title, ...others.map((peer) => ratioText(ratios[peer]))]),
  )
  return `${first}\n${second}`
}
