import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export type Environment = Record<string, string | undefined>

/** The environment without what npm and tap have put there for the tests; where node-gyp finds headers stays. */
export const environment: Environment = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^npm_(?!config_(nodedir|devdir)$)|^(NODE_OPTIONS|PREBUILDS_ONLY|LIBC|TAP.*)$/i.test(name),
  ),
)

function commandNamed(name: string): string {
  const directory = (process.env['PATH'] ?? '').split(':').find((each) => existsSync(path.join(each, name)))
  if (directory === undefined) throw new Error(`${name} is not in PATH`)
  return realpathSync(path.join(directory, name))
}

/** A directory for PATH with Node, npm and the shell that npm runs scripts by, and nothing else. */
export function onlyNode(directory: string): string {
  mkdirSync(directory)
  symlinkSync(process.execPath, path.join(directory, 'node'))
  for (const name of ['npm', 'npx', 'sh']) symlinkSync(commandNamed(name), path.join(directory, name))
  return directory
}

export interface Outcome {
  code: number
  stdout: string
  stderr: string
}

/** Runs a command to its end, however that is. */
export async function outcomeOf(
  command: string,
  args: string[],
  options: { cwd: string; env: Environment },
): Promise<Outcome> {
  try {
    return { code: 0, ...(await run(command, args, { ...options, maxBuffer: 2 ** 26 })) }
  } catch (error) {
    const { code, stdout, stderr } = error as Outcome
    if (typeof code !== 'number') throw error
    return { code, stdout, stderr }
  }
}

/** As outcomeOf; returns its output, and throws if it fails. */
export async function succeed(...[command, args, options]: Parameters<typeof outcomeOf>): Promise<string> {
  const { code, stdout, stderr } = await outcomeOf(command, args, options)
  if (code !== 0) throw new Error(`${[command, ...args].join(' ')} ended with ${code}:\n${stdout}${stderr}`)
  return stdout
}

interface Registry {
  url: string
  close(): void
}

/** A registry on loopback that has one package: a tarball made of a directory. */
export async function registryOf(directory: string, scratch: string, env: Environment): Promise<Registry> {
  const packed = await succeed('npm', ['pack', '--silent', '--pack-destination', scratch, directory], {
    cwd: scratch,
    env,
  })
  const tarball = readFileSync(path.join(scratch, packed.trim()))
  const manifest = JSON.parse(readFileSync(path.join(directory, 'package.json'), 'utf8')) as {
    name: string
    version: string
  }
  const { name, version } = manifest
  const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`
  const server = createServer(({ url }, response) => {
    const dist = { tarball: `http://127.0.0.1:${(server.address() as AddressInfo).port}/tarball`, integrity }
    if (url === '/tarball') response.end(tarball)
    else if (url === `/${name}`) {
      const versions = { [version]: { ...manifest, dist } }
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ name, 'dist-tags': { latest: version }, versions }))
    } else response.writeHead(404).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

/** An empty project. */
export function project(directory: string): string {
  mkdirSync(directory)
  writeFileSync(path.join(directory, 'package.json'), JSON.stringify({ name: path.basename(directory), private: true }))
  return directory
}
