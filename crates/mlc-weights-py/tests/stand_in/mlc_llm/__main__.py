"""Like ``python -m mlc_llm serve MODEL``, which starts a server in a separate process."""

import sys

from mlc_llm.serve.engine_base import process_model_args

print(process_model_args(sys.argv[2])[1])
