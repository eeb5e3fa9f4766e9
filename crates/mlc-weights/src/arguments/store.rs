use clap::{Args, Subcommand};

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mlc-weights store init --store s3://models/mlc
  mlc-weights store push --store s3://models/mlc HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC
  mlc-weights store verify --store s3://models/mlc --repair
  mlc-weights store copy --from s3://models/mlc --to file:///media/stick --all
  MLC_WEIGHTS_STORE=s3://models/mlc mlc-weights download mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC")]
pub(crate) struct Store {
    #[command(subcommand)]
    pub(crate) command: StoreCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Set up a store and test what it supports; the first push does this too
    Init(StoreInit),
    /// Put models into a store, downloading them first if they are not cached
    Push(StorePush),
    /// List the models in a store
    List(StoreList),
    /// Check everything in a store; with --repair, repair it from the cache or the hub
    Verify(StoreVerify),
    /// Copy models from one store to another, verifying them
    Copy(StoreCopy),
}

/// Which store, and how it is written to.
#[derive(Args, Debug)]
pub(crate) struct Target {
    /// The store: s3://bucket/prefix, gs://…, az://…, https://…, file:///… [default: the first of MLC_WEIGHTS_STORE]
    // Text: the parser of arguments would repeat a password in it.
    #[arg(long = "store", value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Write files to a web server under their final names at once, for servers without MOVE
    #[arg(long)]
    pub(crate) no_move: bool,
}

#[derive(Args, Debug)]
#[command(
    after_help = "The folder of a file:// store must exist: it is not created, because its disk may not be mounted."
)]
pub(crate) struct StoreInit {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Print one JSON document instead of a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct StorePush {
    /// The models, as for download
    #[arg(value_name = "MODEL", required = true)]
    pub(crate) models: Vec<String>,
    #[command(flatten)]
    pub(crate) target: Target,
    /// Overwrite what is already there, which repairs damaged files
    #[arg(long)]
    pub(crate) replace: bool,
    /// Also push models that need a token: everyone who can read the store can then read them
    #[arg(long)]
    pub(crate) allow_private: bool,
    /// Print one JSON document instead of lines
    #[arg(long)]
    pub(crate) json: bool,
}

/// What these commands say of a model: they need no prefix.
const MODEL: &str =
    "The models: user/repo, optionally with @revision or @commit [default: everything in the store]";

#[derive(Args, Debug)]
pub(crate) struct StoreList {
    /// The store: s3://bucket/prefix, gs://…, az://…, https://…, file:///… [default: the first of MLC_WEIGHTS_STORE]
    #[arg(long = "store", value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Print one JSON document instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Exit status 3: the store does not have a model that was named.
Exit status 5: something is wrong, and was not repaired.")]
pub(crate) struct StoreVerify {
    #[arg(help = MODEL, value_name = "MODEL")]
    pub(crate) models: Vec<String>,
    #[command(flatten)]
    pub(crate) target: Target,
    /// Replace damaged and missing files from the cache or the hub
    #[arg(long)]
    pub(crate) repair: bool,
    /// With --repair: also for models that need a token
    #[arg(long, requires = "repair")]
    pub(crate) allow_private: bool,
    /// Print one JSON document instead of lines
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct StoreCopy {
    #[arg(help = "The models: user/repo, optionally with @revision or @commit", value_name = "MODEL")]
    pub(crate) models: Vec<String>,
    /// Everything in the store to copy from
    #[arg(long, conflicts_with = "models")]
    pub(crate) all: bool,
    /// The store to copy from
    // Text: the parser of arguments would repeat a password in it.
    #[arg(long, value_name = "URL")]
    pub(crate) from: String,
    /// The store to copy to
    #[arg(long, value_name = "URL")]
    pub(crate) to: String,
    /// Write files to a web server under their final names at once, for servers without MOVE
    #[arg(long)]
    pub(crate) no_move: bool,
    /// Print one JSON document instead of lines
    #[arg(long)]
    pub(crate) json: bool,
}
