import { defineCommand, noOutputs } from '../cli/command.js'
import { exitStatus, usageError } from '../io.js'

/** Each asks the program itself what may come next, so that a new command or resource needs no new script. */
const scripts: Readonly<Record<string, string>> = {
  bash: `# holdfastctl completion for bash: add to ~/.bashrc
#   source <(holdfastctl completion bash)
_holdfastctl() {
  local IFS=$'\\n' current="\${COMP_WORDS[COMP_CWORD]}" found
  found=$(holdfastctl __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1)
  if [ "$found" = ':files' ]; then
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$current"))
  else
    COMPREPLY=($(compgen -W "$found" -- "$current"))
  fi
}
complete -F _holdfastctl holdfastctl
`,
  zsh: `#compdef holdfastctl
# holdfastctl completion for zsh: save it as _holdfastctl in a folder of $fpath, or
#   source <(holdfastctl completion zsh)
_holdfastctl() {
  local -a found; local line
  for line in "\${(@f)$(holdfastctl __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [ "$line" = ':files' ] && { _files; return }
    [ -n "$line" ] && found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  _describe 'holdfastctl' found
}
[ "\${funcstack[1]}" = _holdfastctl ] && _holdfastctl "$@" || compdef _holdfastctl holdfastctl
`,
  fish: `# holdfastctl completion for fish: save it as ~/.config/fish/completions/holdfastctl.fish, or
#   holdfastctl completion fish | source
function __holdfastctl
    set -l found (holdfastctl __complete -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)
    if test "$found" = ':files'
        __fish_complete_path (commandline -ct)
    else
        printf '%s\\n' $found
    end
end
complete -c holdfastctl -f -a '(__holdfastctl)'
`,
}

export const completionCommand = defineCommand({
  configure: (command) => command.argument('<shell>', 'bash, zsh or fish'),
  completes: ['shell'],
  outputs: noOutputs,
  more: 'Completes commands, options, resource types and, asking the control plane for no longer than two seconds, names.',
  examples: [
    ['completion bash', 'source <(holdfastctl completion bash)'],
    ['completion fish', 'holdfastctl completion fish | source'],
  ],
  run: async ({ io }, [shell = '']) => {
    const script = scripts[shell]
    if (script === undefined)
      throw usageError(`there is no completion for ${JSON.stringify(shell)}; there are bash, zsh and fish`)
    io.out.write(script)
    return exitStatus.fine
  },
})
