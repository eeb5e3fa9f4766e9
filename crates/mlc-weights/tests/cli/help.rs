//! Help and version.

use crate::world::World;

fn printed(arguments: &[&str]) -> String {
    let world = World::new();
    let ran = world.cli(arguments).run();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
    world.check_pristine();
    String::from_utf8(ran.stdout).unwrap()
}

#[test]
fn the_version() {
    assert_eq!(printed(&["--version"]), concat!("mlc-weights ", env!("CARGO_PKG_VERSION"), "\n"));
    assert_eq!(printed(&["-V"]), printed(&["--version"]));
}

#[test]
fn no_command_prints_help_and_is_wrong() {
    let world = World::new();
    let ran = world.cli(&[]).run();
    assert_eq!((ran.status, &ran.stdout[..]), (Some(2), &b""[..]));
    assert_eq!(ran.stderr, printed(&["-h"]));
    world.check_pristine();
}

#[test]
fn help() {
    insta::assert_snapshot!(printed(&["-h"]), @r#"
    Downloads MLC model weights into the cache that MLC-LLM reads

    Usage: mlc-weights [OPTIONS] <COMMAND>

    Commands:
      download     Print the directory of a model, downloading it first if it is not cached [alias:
                   pull]
      path         Print the directory of a cached model; never uses the network
      list         List the models in the cache, complete or not [alias: ls]
      update       Update cached models to the hub's newest commit, downloading only what has changed
      verify       Check cached models against their digests; with --repair, repair them
      remove       Remove models from the cache [alias: rm]
      prune        Remove the remains of interrupted downloads; with --keep, also models
      store        Fill and maintain a store that many machines download from
      env          Show every setting, where it comes from, and what is wrong with it
      completions  Print a shell completion script
      man          Print a manual page
      help         Print this message or the help of the given subcommand(s)

    Options:
      -v, --verbose...  Log what is done (-vv: in more detail); RUST_LOG filters more finely
      -q, --quiet       Print nothing but the result and errors
      -h, --help        Print help (see more with '--help')
      -V, --version     Print version

    Examples:
      mlc-weights download HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC
      mlc_llm serve "$(mlc-weights download HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC)"

    Exit status:
      0 done                       4 the hub refused, or has no such model
      1 anything else              5 a digest or size does not match, or an unsafe path
      2 usage, a malformed URL,    6 network, after retries
        an unusable variable       7 local disk
      3 not in the cache, and a    130 interrupted (143: terminated)
        download is forbidden
    "#);
}

#[test]
fn long_help_knows_the_environment() {
    insta::assert_snapshot!(printed(&["--help"]), @r#"
    Downloads MLC model weights into the cache that MLC-LLM reads

    Usage: mlc-weights [OPTIONS] <COMMAND>

    Commands:
      download     Print the directory of a model, downloading it first if it is not cached [alias:
                   pull]
      path         Print the directory of a cached model; never uses the network
      list         List the models in the cache, complete or not [alias: ls]
      update       Update cached models to the hub's newest commit, downloading only what has changed
      verify       Check cached models against their digests; with --repair, repair them
      remove       Remove models from the cache [alias: rm]
      prune        Remove the remains of interrupted downloads; with --keep, also models
      store        Fill and maintain a store that many machines download from
      env          Show every setting, where it comes from, and what is wrong with it
      completions  Print a shell completion script
      man          Print a manual page
      help         Print this message or the help of the given subcommand(s)

    Options:
      -v, --verbose...
              Log what is done (-vv: in more detail); RUST_LOG filters more finely

      -q, --quiet
              Print nothing but the result and errors

      -h, --help
              Print help (see a summary with '-h')

      -V, --version
              Print version

    Examples:
      mlc-weights download HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC
      mlc_llm serve "$(mlc-weights download HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC)"

    Exit status:
      0 done                       4 the hub refused, or has no such model
      1 anything else              5 a digest or size does not match, or an unsafe path
      2 usage, a malformed URL,    6 network, after retries
        an unusable variable       7 local disk
      3 not in the cache, and a    130 interrupted (143: terminated)
        download is forbidden

    Environment:
      MLC_LLM_HOME                   the cache [$XDG_CACHE_HOME/mlc_llm, else ~/.cache/mlc_llm]
      MLC_LLM_READONLY_WEIGHT_CACHE  read-only caches searched first, separated like PATH
      MLC_DOWNLOAD_CACHE_POLICY      ON, OFF, REDO or READONLY [ON]
      MLC_WEIGHTS_REQUIRE_PROOF      1: as --require-proof
      MLC_WEIGHTS_STORE              stores asked before the hub, separated by spaces
      MLC_WEIGHTS_STORE_MODE         first, refs or only [first]
      MLC_WEIGHTS_STORE_FILL         1: as --store-fill
      MLC_TEMP_DIR                   scratch space [in the cache]
      HF_ENDPOINT                    the hub [https://huggingface.co]
      HF_TOKEN, HF_TOKEN_PATH        the access token for it, or a file with the token
      HF_HUB_OFFLINE                 1: never download
      HF_HUB_DOWNLOAD_TIMEOUT        seconds to wait for a silent server [10]
      HF_HUB_DISABLE_PROGRESS_BARS   1: lines instead of a bar
      NO_COLOR                       1: no colour
      HTTPS_PROXY, NO_PROXY, …       as usual
      SSL_CERT_FILE, SSL_CERT_DIR    CA certificates for https, instead of the system's
    "#);
}

#[test]
fn help_of_download() {
    insta::assert_snapshot!(printed(&["download", "-h"]), @r#"
    Print the directory of a model, downloading it first if it is not cached

    Usage: mlc-weights download [OPTIONS] [MODEL]...

    Arguments:
      [MODEL]...  The models, one after another: user/repo[@revision], also as HF://… or
                  https://huggingface.co/…

    Options:
          --from-file <LIST>   More models from this file, one per line; # starts a comment, - is
                               standard input
          --package <CONFIG>   More models from this mlc-package-config.json; local folders in it are
                               skipped
          --to <DIR>           Also copy the model's files to this folder, which must be new, empty or
                               an identical copy, and print its path
      -j, --jobs <N>           Maximum number of files and of connections at once [default: 8, or more
                               if that is faster]
          --limit-rate <RATE>  Maximum download rate in bytes per second, such as 500k, 20M or 1G
          --force              Download again, and replace the directory including your own changes in
                               it
          --revision <REV>     Branch, tag, reference or commit of each model, instead of its @revision
          --progress <HOW>     How progress is shown [default: auto] [possible values: auto, bar, plain,
                               json, none]
          --dry-run            Only show what would be downloaded, from where, and what is already there
          --json               Print one JSON document at the end instead of each path
      -v, --verbose...         Log what is done (-vv: in more detail); RUST_LOG filters more finely
      -q, --quiet              Print nothing but the result and errors
      -h, --help               Print help (see more with '--help')

    Examples:
      mlc-weights download HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC
      mlc-weights download -j 2 --force HF://mlc-ai/Qwen2.5-0.5B-Instruct-q4f16_1-MLC
      mlc-weights download --from-file models.txt --dry-run
      mlc-weights download --from-file models.txt --progress plain
    "#);
    assert_eq!(printed(&["help", "download"]), printed(&["download", "--help"]));
}

#[test]
fn help_of_path() {
    insta::assert_snapshot!(printed(&["path", "-h"]), @r#"
    Print the directory of a cached model; never uses the network

    Usage: mlc-weights path [OPTIONS] <MODEL>

    Arguments:
      <MODEL>  The model: user/repo[@revision], also as HF://… or https://huggingface.co/…

    Options:
          --revision <REV>  Branch, tag, reference or commit, instead of the model's @revision
          --require-proof   Fail with status 5 unless git proves that the files are those of the commit
      -v, --verbose...      Log what is done (-vv: in more detail); RUST_LOG filters more finely
      -q, --quiet           Print nothing but the result and errors
      -h, --help            Print help

    Examples:
      mlc-weights path HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC
      cd "$(mlc-weights path HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC)"

    Exit status 3: it is not in the cache.
    "#);
}
