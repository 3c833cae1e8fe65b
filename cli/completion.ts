import { Argument, Command } from 'commander'

/** `dicomcast completion`: prints what makes a shell complete commands and options, from the commands as they are. */
export const completionCommand = (): Command =>
  new Command('completion')
    .description('prints what makes bash or zsh complete the commands and options')
    .addArgument(new Argument('<shell>', 'the shell').choices(['bash', 'zsh']))
    .addHelpText('after', help)
    .action((shell: 'bash' | 'zsh', _options, { parent }: Command) => {
      if (parent !== null) console.log(scripts[shell](parent))
    })

const help = `
bash, in ~/.bashrc:                source <(dicomcast completion bash)
zsh, in ~/.zshrc after compinit:   source <(dicomcast completion zsh)`

interface Place {
  /** The subcommands up to here, each after a blank. */
  readonly path: string
  readonly words: ReadonlyArray<string>
}

const placesOf = (command: Command, path = ''): ReadonlyArray<Place> => {
  const help = command.createHelp()
  const commands = help.visibleCommands(command)
  const options = help
    .visibleOptions(command)
    .flatMap(({ short, long }) => [short, long].filter((each) => each !== undefined))
  const choices = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? [])
  return [
    { path, words: [...commands.map((each) => each.name()), ...choices, ...options] },
    // The help command that commander adds is none of ours, and has nothing below it.
    ...command.commands.flatMap((each) => placesOf(each, `${path} ${each.name()}`)),
  ]
}

/** What bash and zsh read alike: where the line stands, and what may follow there. */
const walk = (command: Command, words: string): string => {
  const places = placesOf(command)
  const paths = places.slice(1).map(({ path }) => `'${path}'`)
  return `  local at='' word candidates=''
  for word in ${words}; do
    case "$at $word" in
      ${paths.join('|')}) at="$at $word" ;;
    esac
  done
  case "$at" in
${places.map(({ path, words }) => `    '${path}') candidates='${words.join(' ')}' ;;`).join('\n')}
  esac`
}

// Where nothing fits, a file may: both shells then name files.
const scripts = {
  bash: (command: Command): string => `_dicomcast() {
${walk(command, '"${COMP_WORDS[@]:1:COMP_CWORD-1}"')}
  COMPREPLY=($(compgen -W "$candidates" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _dicomcast dicomcast`,
  zsh: (command: Command): string => `_dicomcast() {
${walk(command, '"${(@)words[2,CURRENT-1]}"')}
  compadd -- \${=candidates} || _files
}
compdef _dicomcast dicomcast`,
}
