// Runs what it is told to, a step a line: the body of an async function, in JSON. So that strace can be attached between two
// steps. `state` is kept; what a step returns is printed.
'use strict'
const { createInterface } = require('node:readline')

const AsyncFunction = (async () => {}).constructor
const state = {}

async function perform(line) {
  try {
    const step = new AsyncFunction('require', 'state', JSON.parse(line))
    return { value: (await step(require, state)) ?? null }
  } catch (error) {
    return { failure: String(error.stack) }
  }
}

createInterface({ input: process.stdin })
  .on('line', async (line) => {
    process.stdout.write(`${JSON.stringify(await perform(line))}\n`)
  })
  .on('close', () => process.exit())
