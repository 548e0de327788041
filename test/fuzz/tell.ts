// A run's result in words.
import type { Result } from './parent'
import { rules, type Violation } from './report'

/** How to see it again: all from the start, or the episode alone. */
function again({ seed, episode, call }: Violation): string {
  const whole = `npm run fuzz -- --seed ${seed} --calls ${episode < 0 ? call + 1000 : call}`
  return episode < 0 ? whole : `${whole} (or --seed ${seed} --episode ${episode})`
}

export function tellViolation(violation: Violation): string {
  const { rule, call, count, detail } = violation
  const text = detail.replaceAll('\n', '\n    ')
  return `  broken ${count} times, first at call ${call}: ${rules[rule]}\n    ${again(violation)}\n    ${text}`
}

export function tell({ link, summary, last, milliseconds }: Result): string {
  const { seed, calls, episodes, workers, accepted, arrived, waited, violations } = summary
  const lines = [
    `seed ${seed} (${link}): ${calls} calls in ${episodes} episodes and ${workers} threads, ` +
      `${Math.round((calls * 1000) / milliseconds)} a second; ${accepted} datagrams accepted, ${arrived} arrived, ` +
      `${waited} calls waited; ${violations.length} rules broken`,
    ...violations.map(tellViolation),
  ]
  if (last.length > 0) lines.push('  the last calls:', ...last.map((line) => `    ${line}`))
  return lines.join('\n')
}
