/** Of unsorted numbers; `share` is 0.5 for the median, 0.99 for what one of a hundred exceeds. */
export function quantile(numbers, share) {
  const sorted = numbers.toSorted((a, b) => a - b)
  const at = (sorted.length - 1) * share
  const below = sorted[Math.floor(at)]
  return below + (sorted[Math.ceil(at)] - below) * (at % 1)
}

export const median = (numbers) => quantile(numbers, 0.5)
