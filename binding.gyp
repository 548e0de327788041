{
  'targets': [
    {
      'target_name': 'sendmsg',
      'include_dirs': [
        # The package brings a copy of its headers (scripts/vendor-node-addon-api.mjs), a clone has the dev dependency.
        '<!(node -p "require(\'fs\').existsSync(\'vendor\') ? \'vendor/node-addon-api\' : require(\'node-addon-api\').include_dir")',
        'src',
      ],
      'defines': [
        'NAPI_VERSION=8',
        'NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS',
        'NODE_ADDON_API_DISABLE_DEPRECATED',
        # In a thread that is being terminated nothing can be thrown: do not abort for it.
        'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
      ],
      'sources': [
        'src/addon.cc',
        'src/address.cc',
        'src/arguments.cc',
        'src/batch.cc',
        'src/earlier_errors.cc',
        'src/endpoint.cc',
        'src/endpoint_options.cc',
        'src/endpoint_receive.cc',
        'src/endpoint_send.cc',
        'src/endpoint_watch.cc',
        'src/export_layout.cc',
        'src/find_handle.cc',
        'src/instance.cc',
        'src/membership.cc',
        'src/chunk_packer.cc',
        'src/receive.cc',
        'src/send.cc',
        'src/options.cc',
      ],
      'conditions': [
        ['OS=="win"', {
          'include_dirs': ['src-win'],
          'sources': [
            'src-win/syscalls.cc',
            'src-win/socket.cc',
            'src-win/kernel.cc',
            'src-win/pending_send.cc',
            'src-win/provider.cc',
          ],
          'defines': ['WIN32_LEAN_AND_MEAN', 'NOMINMAX', '_WIN32_WINNT=0x0a00'],
          'libraries': ['-lws2_32', '-liphlpapi'],
          # Not built with MSVC so far: the tests build with mingw (scripts/build-windows.mjs).
          'msvs_settings': {
            'VCCLCompilerTool': {
              'AdditionalOptions': ['/std:c++17', '/permissive-', '/utf-8'],
            },
          },
        }, {
          'include_dirs': ['src-posix'],
          'sources': [
            'src-posix/syscalls.cc',
            'src-posix/socket.cc',
          ],
          'cflags_cc': ['-std=c++17', '-fno-exceptions', '-fvisibility=hidden', '-Wall', '-Wextra'],
        }],
        ['OS=="linux"', { 'sources': ['src-posix/error_queue.cc', 'src-posix/kernel_linux.cc'] }],
        ['OS=="mac"', {
          'sources': ['src-posix/broadcast.cc', 'src-posix/kernel_darwin.cc'],
          # RFC 3542's names and numbers in netinet6/in6.h.
          'defines': ['__APPLE_USE_RFC_3542'],
          'xcode_settings': {
            'CLANG_CXX_LANGUAGE_STANDARD': 'c++17',
            'GCC_ENABLE_CPP_EXCEPTIONS': 'NO',
            'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
            'MACOSX_DEPLOYMENT_TARGET': '11.0',
          },
        }],
        ['OS=="freebsd"', { 'sources': ['src-posix/broadcast.cc', 'src-posix/kernel_freebsd.cc'] }],
        ['OS not in "linux mac freebsd win"', { 'sources': ['src-posix/kernel_plain.cc'] }],
      ],
    },
  ],
}
