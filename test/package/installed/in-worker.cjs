// Runs a program in a worker: in-worker.cjs PROGRAM

const path = require('node:path')
const { Worker } = require('node:worker_threads')

new Worker(path.resolve(process.argv[2]))
