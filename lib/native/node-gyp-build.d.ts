declare module 'node-gyp-build' {
  /** Loads the addon of the package in `directory`: a build of its own, or a prebuilt one that fits. */
  function load(directory: string): unknown
  export = load
}
