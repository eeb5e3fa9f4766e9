use clap::Args;
use clap_complete::Shell;

const EXAMPLES: &str = "\
Examples:
  mlc-weights completions bash > ~/.local/share/bash-completion/completions/mlc-weights
  mlc-weights completions zsh > ~/.zfunc/_mlc-weights
  mlc-weights completions fish > ~/.config/fish/completions/mlc-weights.fish";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: Shell,
}
