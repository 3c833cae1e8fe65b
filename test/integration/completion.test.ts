import { spawnSync } from 'node:child_process'
import { describe, expect, it } from '@jest/globals'
import { runCli } from '../support/world/cast-cli'

const scriptOf = async (shell: string): Promise<string> => (await runCli(['completion', shell])).stdout

/** What bash offers for a line that ends where the cursor is. */
const offered = (script: string, ...words: ReadonlyArray<string>): ReadonlyArray<string> => {
  const line = ['dicomcast', ...words]
  const asked = `${script}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
$(complete -p dicomcast | sed 's/.*-F \\([^ ]*\\) .*/\\1/') || true
printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', asked, 'bash', ...line], { encoding: 'utf8' })
  expect(stderr).toBe('')
  return stdout.split('\n').filter((each) => each !== '')
}

const has = (shell: string): boolean => spawnSync(shell, ['--version']).status === 0
const where = (shell: string): typeof it => (has(shell) ? it : (it.skip as typeof it))

for (const shell of ['bash', 'zsh'])
  if (!has(shell)) console.warn(`${shell} is not here: what it makes of its completion is not tested`)

describe('dicomcast completion', () => {
  where('bash')('offers the commands, those below them, and the options of each, to bash', async () => {
    const script = await scriptOf('bash')
    expect(offered(script, 'ca')).toEqual(['cast'])
    expect(offered(script, 're')).toEqual(['replay', 'resync', 'reconcile', 'resume', 'rename-service'])
    expect(offered(script, 'cast', '--j')).toEqual(['--json'])
    expect(offered(script, 'cast', '--json', '--unt')).toEqual(['--until-caught-up'])
    expect(offered(script, 'local', '')).toEqual(expect.arrayContaining(['dicom', 'fhir', 'functions', 'stack']))
    expect(offered(script, 'local', 'stack', '--on')).toEqual(['--once'])
    expect(offered(script, 'completion', '')).toEqual(expect.arrayContaining(['bash', 'zsh']))
    expect(offered(script, 'cast', 'no-such')).toEqual([])
    expect(offered(script, '$(echo oh)', '`echo oh`', 'ca')).toEqual(['cast'])
  })

  it('knows for zsh the same places and words as for bash', async () => {
    const places = (script: string): ReadonlyArray<string> => script.match(/^ {4}'.*\) candidates=.*;;$/gm) ?? []
    const [bash, zsh] = [await scriptOf('bash'), await scriptOf('zsh')]
    expect(places(zsh)).toEqual(places(bash))
    expect(places(zsh).length).toBeGreaterThan(20)
    expect(zsh).toMatch(/^compdef _dicomcast dicomcast$/m)
  })

  where('zsh')('is read by zsh', async () => {
    const { status, stderr } = spawnSync('zsh', ['-n'], { input: await scriptOf('zsh'), encoding: 'utf8' })
    expect([status, stderr]).toEqual([0, ''])
  })

  it('knows no other shell', async () => {
    expect((await runCli(['completion', 'fish'])).code).toBe(2)
  })
})
