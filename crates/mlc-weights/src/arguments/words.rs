//! The help texts that stand beside the lists of arguments.

/// Below the short help, and the long.
pub(super) const EXAMPLES: &str = "\
Examples:
  mlc-weights download HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC
  mlc_llm serve \"$(mlc-weights download HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC)\"

Exit status:
  0 done                       4 the hub refused, or has no such model
  1 anything else              5 a digest or size does not match, or an unsafe path
  2 usage, a malformed URL,    6 network, after retries
    an unusable variable       7 local disk
  3 not in the cache, and a    130 interrupted
    download is forbidden";

/// Below the long help.
pub(super) const SETTINGS: &str = "\
Environment:
  MLC_LLM_HOME                   the cache [$XDG_CACHE_HOME/mlc_llm, else ~/.cache/mlc_llm]
  MLC_LLM_READONLY_WEIGHT_CACHE  folders looked through before it, separated like PATH
  MLC_DOWNLOAD_CACHE_POLICY      ON, OFF, REDO or READONLY [ON]
  MLC_TEMP_DIR                   scratch space [in the cache]
  HF_ENDPOINT                    the hub [https://huggingface.co]
  HF_TOKEN, HF_TOKEN_PATH        the access token for it, or a file that holds it
  HF_HUB_OFFLINE                 1: never download
  HF_HUB_DOWNLOAD_TIMEOUT        seconds after which a silent server is given up [10]
  HF_HUB_DISABLE_PROGRESS_BARS   1: lines instead of a bar
  NO_COLOR                       1: no colour
  HTTPS_PROXY, NO_PROXY, …       as usual
  SSL_CERT_FILE, SSL_CERT_DIR    authorities for https, instead of the system's";

/// What every command that takes a model says of it.
pub(super) const MODEL: &str =
    "The model: HF://user/repo[@revision] or https://huggingface.co/user/repo[@revision]";
