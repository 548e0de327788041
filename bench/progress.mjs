import { SingleBar } from 'cli-progress'

/** On standard error: a bar on a terminal, elsewhere a line for each that begins. */
export function progress(total) {
  if (!process.stderr.isTTY) {
    let done = 0
    return {
      begin: (name) => console.error(`${done}/${total} ${name}`),
      step: () => done++,
      end() {},
    }
  }
  const bar = new SingleBar({ format: '{bar} {value}/{total} {name}', stream: process.stderr })
  bar.start(total, 0, { name: '' })
  return {
    begin: (name) => bar.update({ name }),
    step: () => bar.increment(),
    end: () => bar.stop(),
  }
}
