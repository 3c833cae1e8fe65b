import js from '@eslint/js'
import prettier from 'eslint-config-prettier'
import regexp from 'eslint-plugin-regexp'
import tseslint from 'typescript-eslint'

// The core is a function of its input: no clock, no randomness, no environment, no I/O. Ports bring those in.
const impure = [
  {
    selector: "MemberExpression[object.name='Date'][property.name='now']",
    message: 'Take the time from the Clock port.',
  },
  { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: 'Take the time from the Clock port.' },
  { selector: "MemberExpression[object.name='Math'][property.name='random']", message: 'Take randomness from a port.' },
  {
    selector: "MemberExpression[object.name='process'][property.name='env']",
    message: 'Settings come from lib/config.',
  },
]

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'coverage/'] },
  js.configs.recommended,
  ...tseslint.configs.recommended,
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': 'error',
    },
  },
  {
    files: ['**/*.mjs'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        performance: 'readonly',
        setInterval: 'readonly',
      },
    },
  },
  {
    // What comes from outside may be a megabyte of blanks: an expression that goes back over it takes minutes.
    files: ['functions/**/*.ts', 'lib/**/*.ts', 'cli/**/*.ts', 'local/**/*.ts'],
    plugins: { regexp },
    rules: { 'regexp/no-super-linear-backtracking': 'error', 'regexp/no-super-linear-move': 'error' },
  },
  {
    files: ['lib/domain/**/*.ts', 'lib/app/**/*.ts'],
    rules: {
      'no-restricted-syntax': ['error', ...impure],
      'no-restricted-globals': ['error', 'fetch', 'console', 'setTimeout', 'setInterval', 'setImmediate'],
      'no-control-regex': 'off',
    },
  },
  prettier,
)
