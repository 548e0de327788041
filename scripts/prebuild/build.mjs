// Compiles and links the addon for one target, as binding.gyp describes it.
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { promisify } from 'node:util'
import { addonOn } from '../gyp.mjs'
import { inParallel } from '../in-parallel.mjs'
import { hostJumps, hostSymbols } from '../windows/host-jumps.mjs'
import { undefinedSymbols } from './coff.mjs'
import { MACOS } from './targets.mjs'
import { machoLinker, openToolchain, root } from './toolchain.mjs'

const run = promisify(execFile)
const here = import.meta.dirname
/** What a program loads an addon by (node_api.h). */
const EXPORTED = ['napi_register_module_v1', 'node_api_module_get_api_version_v1']

/** What node-gyp adds to what binding.gyp says. */
const GYP_DEFINES = ['NODE_GYP_MODULE_NAME=sendmsg', 'BUILDING_NODE_EXTENSION']

const SMALL = [
  // Measured beside -O2: no difference in CPU time. Zig makes -Os of -Oz, unless the compiler proper is told.
  ...['-Os', '-Xclang', '-Oz', '-g0', '-ffunction-sections', '-fdata-sections', '-fvisibility=hidden'],
  // Nothing is thrown.
  ...['-fno-unwind-tables', '-fno-asynchronous-unwind-tables'],
  // Zig's defaults for C are those of a debugger, and it passes on options that not every processor has.
  ...['-fno-sanitize=all', '-fno-stack-protector', '-Wno-unused-command-line-argument'],
]

/** The compiler's own C++ headers, of which nothing has to be linked but what runtime.cc has. */
const headersOnly = (lib, { libc }) => [
  ...['-fno-exceptions', '-fno-rtti', '-fvisibility-global-new-delete=force-hidden', '-nostdlib++', '-nostdinc++'],
  ...[`-I${lib}/libcxx/include`, `-I${lib}/libcxxabi/include`],
  ...[
    ...['_LIBCPP_ABI_VERSION=1', '_LIBCPP_ABI_NAMESPACE=__1', '_LIBCPP_PSTL_BACKEND_SERIAL'],
    ...['_LIBCPP_HARDENING_MODE=_LIBCPP_HARDENING_MODE_NONE'],
    ...['_LIBCPP_HARDENING_MODE_DEFAULT=_LIBCPP_HARDENING_MODE_NONE'],
    ...['_LIBCPP_HAS_NO_VENDOR_AVAILABILITY_ANNOTATIONS'],
    ...['_LIBCPP_DISABLE_VISIBILITY_ANNOTATIONS', '_LIBCXXABI_DISABLE_VISIBILITY_ANNOTATIONS'],
    ...(libc === 'musl' ? ['_LIBCPP_HAS_MUSL_LIBC'] : []),
  ].map((name) => `-D${name}`),
]

function compilerFlags(target, { include_dirs, defines, cflags_cc }, { lib, headers }) {
  const addonApi = path.dirname(createRequire(import.meta.url).resolve('node-addon-api/package.json'))
  return [
    ...cflags_cc,
    ...['-std=c++17', ...SMALL, '-Wall', '-Wextra', '-Werror', `-ffile-prefix-map=${root}=.`],
    ...headersOnly(lib, target),
    ...(target.platform === 'win32' ? ['-DNAPI_EXTERN='] : ['-fPIC']),
    ...[...GYP_DEFINES, ...defines].map((name) => `-D${name}`),
    ...include_dirs.map((directory) => `-I${path.join(root, directory)}`),
    ...[addonApi, headers].flatMap((directory) => ['-isystem', directory]),
  ]
}

/** Leaves build/Release/sendmsg.node in a directory; its path and name don't get into the file. */
export async function buildTarget(target, directory) {
  const toolchain = openToolchain()
  const addon = addonOn(target.platform)
  const objects = path.join(directory, 'build', 'objects')
  const release = path.join(directory, 'build', 'Release')
  for (const empty of [objects, release]) {
    rmSync(empty, { recursive: true, force: true })
    mkdirSync(empty, { recursive: true })
  }
  const zig = (args) => run(toolchain.zig, args, { cwd: root, env: toolchain.env })
  const flags = ['-target', target.zig, ...target.flags, ...compilerFlags(target, addon, toolchain)]
  const sources = [...addon.sources, ...runtimeOf(target)]
  const compiled = sources.map((source) => path.join(objects, `${path.basename(source, '.cc')}.o`))
  await inParallel(sources.map((source, index) => () => zig(['c++', ...flags, '-c', source, '-o', compiled[index]])))
  await LINKERS[target.platform](
    target,
    { zig, toolchain, addon, objects, compiled },
    path.join(release, 'sendmsg.node'),
  )
}

const runtimeOf = ({ platform }) =>
  ['runtime.cc', ...(platform === 'win32' ? ['runtime_win.cc'] : [])].map((name) =>
    path.relative(root, path.join(here, name)),
  )

const driver = (target) => ['cc', '-target', target.zig, ...target.flags, '-Os', '-shared', '-s', '-Wl,--gc-sections']

const LINKERS = {
  linux: (target, { zig, compiled }, output) =>
    zig([
      ...[...driver(target), ...compiled, '-o', output, '-Wl,--build-id=none', '-Wl,-z,relro', '-Wl,--hash-style=gnu'],
      // What a runtime lacks (Deno, Bun) matters when it is called.
      ...['-Wl,-z,lazy', `-Wl,--version-script=${path.join(here, 'exports.map')}`, '-Wl,-soname,sendmsg.node'],
    ]),

  async darwin({ machine }, { toolchain, compiled }, output) {
    const libraries = path.join(toolchain.lib, 'libc', 'darwin')
    await run(machoLinker().command, [
      ...['-arch', machine, '-platform_version', 'macos', MACOS, MACOS, '-dylib', '-undefined', 'dynamic_lookup'],
      ...['-dead_strip', '-S', '-x', '-no_data_const', '-adhoc_codesign', '-install_name', '@rpath/sendmsg.node'],
      ...EXPORTED.flatMap((symbol) => ['-exported_symbol', `_${symbol}`]),
      ...['-syslibroot', libraries, `-L${libraries}`, '-lSystem', ...compiled, '-o', output],
    ])
  },

  async win32(target, { zig, addon, objects, compiled }, output) {
    const prefix = target.arch === 'ia32' ? '_' : ''
    const wanted = compiled.flatMap((object) => undefinedSymbols(readFileSync(object)))
    const symbols = hostSymbols(wanted.map((name) => name.slice(prefix.length)))
    const jumps = path.join(objects, 'host_jumps.s')
    writeFileSync(jumps, hostJumps(symbols, target.arch))
    const resolver = path.join('scripts', 'windows', 'host_symbols.c')
    const host = [jumps, resolver].map((source) => path.join(objects, `${path.parse(source).name}.o`))
    const flags = ['-target', target.zig, ...SMALL, `-ffile-prefix-map=${root}=.`]
    await zig(['cc', '-c', '-target', target.zig, jumps, '-o', host[0]])
    await zig(['cc', '-c', ...flags, '-std=c11', '-Wall', '-Wextra', '-Werror', resolver, '-o', host[1]])
    await zig([...driver(target), ...compiled, ...host, '-o', output, ...addon.libraries])
  },
}
