// The package's install script: nothing to do where a prebuilt binary loads, else it compiles by node-gyp.
// It is plain JavaScript on Node's own modules, since it runs before there is a build, and without dev dependencies.

const { spawnSync } = require('node:child_process')
const { existsSync } = require('node:fs')
const path = require('node:path')

const root = path.resolve(__dirname, '..')
const windows = process.platform === 'win32'

/** In a process of its own, which an addon that crashes takes with it. */
function whyNotLoaded() {
  const tried = `try { require('node-gyp-build')(process.cwd()) } catch (error) { console.error(error.message); process.exit(1) }`
  const { status, signal, stderr } = spawnSync(process.execPath, ['-e', tried], { cwd: root, encoding: 'utf8' })
  return status === 0 ? undefined : stderr.trim() || `loading it ended with ${signal ?? status}`
}

function isInPath(name) {
  const endings = windows ? ['.exe', '.cmd', '.bat'] : ['']
  const directories = (process.env.PATH ?? '').split(path.delimiter).filter(Boolean)
  return directories.some((directory) => endings.some((ending) => existsSync(path.join(directory, name + ending))))
}

/** What node-gyp runs, each under the names that it goes by, or named by a variable of the environment. */
function missingTools() {
  const python = { is: 'Python 3', variables: ['npm_config_python', 'NODE_GYP_FORCE_PYTHON', 'PYTHON'] }
  const tools = [
    { is: 'node-gyp, which npm brings', names: ['node-gyp'], variables: [] },
    { ...python, names: windows ? ['python', 'python3', 'py'] : ['python3', 'python'] },
  ]
  if (!windows) {
    tools.push({ is: 'make', names: ['make', 'gmake'], variables: ['MAKE'] })
    tools.push({ is: 'a C++ compiler', names: ['g++', 'c++', 'clang++'], variables: ['CXX'] })
  }
  return tools.filter(({ names, variables }) => !names.some(isInPath) && !variables.some((name) => process.env[name]))
}

function advice() {
  if (windows) return 'Install Python 3, and Visual Studio Build Tools with "Desktop development with C++".'
  if (process.platform === 'darwin') return 'Install the command line tools: xcode-select --install'
  return [
    'Install them:',
    '  Debian, Ubuntu   apt-get install python3 make g++',
    '  Alpine           apk add python3 make g++',
    '  Fedora, RHEL     dnf install python3 make gcc-c++',
  ].join('\n')
}

function compile() {
  // node-gyp-build knows where to find node-gyp; what loads has been tried.
  const env = { ...process.env, npm_config_build_from_source: 'true' }
  const builder = require.resolve('node-gyp-build/bin.js')
  return spawnSync(process.execPath, [builder], { cwd: root, env, stdio: 'inherit' }).status === 0
}

function main() {
  const asked = process.env.npm_config_build_from_source === 'true'
  const why = asked ? 'npm_config_build_from_source is set' : whyNotLoaded()
  if (why === undefined) return
  console.error(`sendmsg: no prebuilt binary is used: ${why}\nsendmsg: compiling, by node-gyp`)
  const missing = missingTools()
  if (compile()) return
  const what = `for ${process.platform} ${process.arch}, Node.js ${process.versions.node}`
  console.error(`\nsendmsg: not installed: no prebuilt binary is used ${what}, and compiling failed.\n${why}`)
  if (missing.length > 0) {
    console.error(`Compiling needs what is not in PATH: ${missing.map(({ is }) => is).join('; ')}.\n${advice()}`)
  } else {
    console.error(
      'All tools were found: what node-gyp printed above says more. It needs a compiler of C++17, and the headers of Node.js,\n' +
        'which it fetches unless npm_config_nodedir names a directory that has include/node.',
    )
  }
  console.error('Then install it again.')
  process.exitCode = 1
}

main()
