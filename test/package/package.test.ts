// What `npm pack` makes, as those get it who install it: with neither compiler nor Python nor network.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync } from 'node:fs'
import { rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import t from 'tap'
import { environment, onlyNode, outcomeOf, project, registryOf, succeed } from './npm'
import type { Environment, Outcome } from './npm'

const MOST_BYTES = 3_000_000
const root = path.dirname(require.resolve('sendmsg/package.json'))
const host = path.join('prebuilds', `${process.platform}-${process.arch}`)
const noPrebuilt = !existsSync(path.join(root, host)) && `${host} is not built: npm run prebuild`
/** Programs that use the package where it was installed. */
const programsIn = path.join(__dirname, 'installed')
const programs = readdirSync(programsIn)
const received = JSON.stringify({ data: 'hello', destination: '127.0.0.1' })

function filesOf(directory: string): string[] {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return entries.map((entry) => path.relative(directory, path.join(entry.parentPath, entry.name))).sort()
}

/** The package as a commit has it: neither what was built nor what was installed. */
function copyOfSources(to: string): string {
  const left = ['.cache', '.git', '.tap', 'build', 'dist', 'node_modules', 'vendor']
  cpSync(root, to, { recursive: true, filter: (from) => !left.includes(path.relative(root, from)) })
  symlinkSync(path.join(root, 'node_modules'), path.join(to, 'node_modules'))
  return to
}

function expectedFiles(): string[] {
  const modules = filesOf(path.join(root, 'lib')).filter(
    (name) => /(?<!\.d)\.m?ts$/.test(name) && !name.startsWith(`cli${path.sep}`),
  )
  const built = modules.flatMap((name) => [name.replace(/ts$/, 'js'), name.replace(/(m?ts)$/, 'd.$1')])
  const inside = (directory: string): string[] =>
    filesOf(path.join(root, directory)).map((name) => path.join(directory, name))
  return [
    ...['CHANGELOG.md', 'LICENSE', 'README.md', 'binding.gyp', 'package.json', 'scripts/install.cjs'],
    ...[...built, 'cli.js', 'cli.licenses.txt'].map((name) => path.join('dist', name)),
    ...['src', 'src-posix', 'src-win', ...(existsSync(path.join(root, 'prebuilds')) ? ['prebuilds'] : [])].flatMap(
      inside,
    ),
    ...['LICENSE.md', 'napi-inl.deprecated.h', 'napi-inl.h', 'napi.h'].map((name) =>
      path.join('vendor', 'node-addon-api', name),
    ),
  ].sort()
}

/** The commands of the page's section, block by block. */
function bundlerRecipes(): string[] {
  const section = /^## Bundlers$(.*?)(?=^## |$(?![^]))/ms.exec(readFileSync('docs/platforms.md', 'utf8'))?.[1] ?? ''
  return [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, commands]) => commands!)
}

t.setTimeout(600_000)

t.test('the package', { skip: process.platform === 'win32' && 'symbolic links and sh are needed' }, async (t) => {
  const home = realpathSync(mkdtempSync(path.join(tmpdir(), 'sendmsg-package-')))
  t.teardown(() => rmSync(home, { recursive: true, force: true }))
  const inHome = (name: string): string => path.join(home, name)
  const npmSettings = { npm_config_cache: inHome('cache'), npm_config_update_notifier: 'false' }
  const full: Environment = { ...environment, ...npmSettings }
  const bare: Environment = { PATH: onlyNode(inHome('bin')), HOME: home, ...npmSettings }

  const sources = copyOfSources(inHome('sources'))
  const packed = await succeed('npm', ['pack', '--silent', '--pack-destination', home], { cwd: sources, env: full })
  const tarball = inHome(packed.trim().split('\n').at(-1)!)

  const registry = await registryOf(path.dirname(require.resolve('node-gyp-build/package.json')), home, full)
  bare['npm_config_registry'] = registry.url
  try {
    // This fills npm's cache.
    const cwd = project(inHome('first'))
    await succeed('npm', ['install', '--ignore-scripts', tarball], { cwd, env: bare })
  } finally {
    registry.close()
  }
  const installed = path.join(inHome('first'), 'node_modules', 'sendmsg')

  /** A project that the package was installed into, with the programs that use it. */
  async function install(name: string, ...options: string[]): Promise<{ cwd: string; output: string }> {
    const cwd = project(inHome(name))
    const output = await succeed('npm', ['install', '--offline', ...options, tarball], { cwd, env: bare })
    for (const program of programs) cpSync(path.join(programsIn, program), path.join(cwd, program))
    return { cwd, output }
  }

  const node = async (cwd: string, ...args: string[]): Promise<string[]> =>
    (await succeed('node', args, { cwd, env: bare })).trim().split('\n')

  await t.test('holds what it should, and nothing else', async (t) => {
    t.same(filesOf(installed), expectedFiles())
    const bytes = filesOf(installed).reduce((sum, name) => sum + statSync(path.join(installed, name)).size, 0)
    t.comment(`${bytes} bytes unpacked, ${statSync(tarball).size} packed`)
    t.ok(bytes < MOST_BYTES, `${bytes} bytes`)
    const manifest = JSON.parse(readFileSync(path.join(installed, 'package.json'), 'utf8'))
    t.same(Object.keys(manifest.dependencies), ['node-gyp-build'])
    t.same(
      readdirSync(inHome('first/node_modules'))
        .filter((name) => !name.startsWith('.'))
        .sort(),
      ['node-gyp-build', 'sendmsg'],
    )
    t.notOk(existsSync(path.join(sources, 'vendor')), 'the headers are taken away again')
  })

  const list = await succeed(process.execPath, ['scripts/prebuild/main.mjs', '--list'], { cwd: root, env: full })
  const targets = [...list.matchAll(/ (\S+\.node)$/gm)].map(([, file]) => file!).sort()
  const notBuilt = targets.filter((file) => !existsSync(path.join(root, 'prebuilds', file)))
  const skip = notBuilt.length > 0 && `${notBuilt.length} of ${targets.length} are not built: npm run prebuild`
  await t.test('holds the prebuilt binaries of all targets', { skip }, async (t) => {
    const files = filesOf(path.join(installed, 'prebuilds')).filter((name) => name.endsWith('.node'))
    t.same(files, targets)
  })

  for (const tool of ['publint', 'attw']) {
    await t.test(tool, async (t) => {
      const args = tool === 'publint' ? ['run', '--strict', tarball] : ['--no-color', tarball]
      const { code, stdout, stderr } = await outcomeOf(path.join(root, 'node_modules/.bin', tool), args, {
        cwd: home,
        env: full,
      })
      t.equal(code, 0, `${stdout}${stderr}`)
    })
  }

  for (const option of ['--foreground-scripts', '--ignore-scripts']) {
    await t.test(`installed with ${option}`, { skip: noPrebuilt }, async (t) => {
      const { cwd, output } = await install(`with${option}`, option)
      t.equal(output.includes('node scripts/install.cjs'), option === '--foreground-scripts')
      t.notOk(existsSync(path.join(cwd, 'node_modules/sendmsg/build')), 'nothing was compiled')
      t.same(await node(cwd, 'by-require.cjs'), [received])
      t.same(await node(cwd, 'by-import.mjs'), [received, received])
      t.same(await node(cwd, 'in-worker.cjs', 'by-require.cjs'), [received])
      t.same(await node(cwd, 'in-worker.cjs', 'by-import.mjs'), [received, received])
      const demo = await outcomeOf('npx', ['--no-install', 'sendmsg', 'demo'], { cwd, env: bare })
      t.equal(demo.code, 0, demo.stderr)
      t.match(demo.stdout, '127.0.0.1')
    })
  }

  await t.test('bundled as docs/platforms.md says', { skip: noPrebuilt }, async (t) => {
    const recipes = bundlerRecipes()
    t.equal(recipes.length, 2)
    const env = { ...full, PATH: `${path.join(root, 'node_modules/.bin')}:${full['PATH']}` }
    for (const [index, recipe] of recipes.entries()) {
      const { cwd } = await install(`bundle${index}`)
      cpSync(path.join(cwd, 'by-require.cjs'), path.join(cwd, 'app.js'))
      await succeed('sh', ['-ec', recipe], { cwd, env })
      t.same(await node(cwd, 'dist/app.js'), [received], 'beside node_modules')
      const external = readFileSync(path.join(cwd, 'dist/app.js'), 'utf8').includes('require("sendmsg")')
      t.equal(external, index === 0)
      if (external) continue
      const elsewhere = inHome('elsewhere')
      cpSync(path.join(cwd, 'dist'), elsewhere, { recursive: true })
      rmSync(path.join(cwd, 'node_modules'), { recursive: true })
      t.same(await node(elsewhere, 'app.js'), [received], 'without node_modules')
      t.same(await node(cwd, 'in-worker.cjs', path.join(elsewhere, 'app.js')), [received], 'in a worker')
      rmSync(path.join(elsewhere, 'sendmsg'), { recursive: true })
      const { code, stderr } = await outcomeOf('node', ['app.js'], { cwd: elsewhere, env: bare })
      t.equal(code, 1)
      t.match(stderr, `${path.join(home, host)}: not there`)
    }
  })

  await t.test('where nothing loads', async (t) => {
    const { cwd } = await install('nothing', '--ignore-scripts')
    const own = path.join(cwd, 'node_modules/sendmsg')
    const refused = async (env: Environment = {}) =>
      JSON.parse(await succeed('node', ['refused.cjs'], { cwd, env: { ...bare, ...env } }))
    const rebuild = async (env: Environment): Promise<Outcome> =>
      await outcomeOf('npm', ['rebuild', '--offline', 'sendmsg'], { cwd, env })

    rmSync(path.join(own, host), { recursive: true, force: true })
    const absent = await refused()
    t.equal(absent.code, 'MODULE_NOT_FOUND')
    t.match(absent.cause.message, /^No native build was found/)
    t.ok(absent.message.includes(absent.cause.message.trim()))
    for (const words of [
      `${process.platform} ${process.arch}`,
      `Node.js ${process.versions.node}`,
      ...['build/Release', 'build/Debug', host].map((name) => `${path.join(own, name)}: not there`),
      path.join(path.dirname(realpathSync(process.execPath)), host),
      'npm rebuild sendmsg',
    ]) {
      t.match(absent.message, words)
    }
    const foreign = await refused({ npm_config_platform: 'linux', npm_config_arch: 'mips', LIBC: 'uclibc' })
    t.match(foreign.message, 'for linux mips uclibc')

    const failed = await rebuild(bare)
    t.equal(failed.code, 1)
    for (const words of [
      'No native build was found',
      'Python 3; make; a C++ compiler',
      'Install them',
      'install it again',
    ]) {
      t.match(failed.stderr, words)
    }

    const file = path.join(own, host, 'sendmsg.node')
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, 'no addon')
    const broken = await refused()
    t.equal(broken.code, 'ERR_DLOPEN_FAILED')
    t.equal(broken.cause.code, 'ERR_DLOPEN_FAILED')
    t.ok(broken.message.includes(broken.cause.message))
    t.match(broken.message, `${path.dirname(file)}: sendmsg.node`)

    const compiled = await rebuild(full)
    t.equal(compiled.code, 0, compiled.stderr)
    t.ok(existsSync(path.join(own, 'build/Release/sendmsg.node')))
    t.same(await node(cwd, 'by-require.cjs'), [received])
  })
})
