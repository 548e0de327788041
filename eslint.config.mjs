import js from '@eslint/js'
import { defineConfig, globalIgnores } from 'eslint/config'
import { createNodeResolver, importX } from 'eslint-plugin-import-x'
import globals from 'globals'
import tseslint from 'typescript-eslint'

/**
 * The parts of lib/, in the order of their dependence: none imports what stands behind it, but that the names of the fields in
 * types.ts follow from their table.
 */
const order = [
  'types.ts',
  'errors',
  'util',
  'native',
  'probe.ts',
  'message',
  'dgram',
  'send',
  'receive',
  'socket',
  'capabilities.ts',
  'sendmsg.ts',
  'public.ts',
  'index.ts',
  'cli',
].map((name) => `./lib/${name}`)

export default defineConfig(
  globalIgnores(['.cache/', '.tap/', 'build/', 'dist/', 'prebuilds/']),
  {
    linterOptions: { reportUnusedDisableDirectives: 'error' },
  },
  js.configs.recommended,
  {
    rules: {
      eqeqeq: 'error',
      'no-console': 'off',
      'object-shorthand': 'error',
      'prefer-template': 'error',
    },
  },
  {
    files: ['**/*.{ts,mts}'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', caughtErrors: 'none' }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      // Overloads that dgram has stand here one by one, as in its documentation.
      '@typescript-eslint/unified-signatures': 'off',
      // noUncheckedIndexedAccess asks for `!` wherever an index is bounded by its loop.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // Callers pass what the types forbid, and it is our work to look at it.
      '@typescript-eslint/no-unnecessary-condition': 'off',
    },
  },
  {
    files: ['lib/**/*.ts'],
    plugins: { 'import-x': importX },
    settings: { 'import-x/resolver-next': [createNodeResolver({ extensions: ['.ts'] })] },
    rules: {
      'import-x/no-restricted-paths': [
        'error',
        {
          zones: order.slice(0, -1).map((target, index) => ({
            target,
            from: order.slice(index + 1),
            except: target === './lib/types.ts' ? ['./fields.ts'] : [],
          })),
        },
      ],
      'import-x/no-cycle': 'error',
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      // Tests pass wrong values on purpose, and read the JSON of their witnesses.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      // tap's Test is a class that its own functions give as an interface.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // A test is an async function whether it awaits or not; tap itself waits for what t.test() gives.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafePromises: [{ from: 'package', package: '@tapjs/core', name: 'PromiseWithSubtest' }],
        },
      ],
    },
  },
  {
    files: ['**/*.{js,mjs,cjs}'],
    languageOptions: { globals: globals.node },
  },
)
