"""As ``python -m mlc_llm serve MODEL``, which a server is started with in a process of its own."""

import sys

from mlc_llm.serve.engine_base import process_model_args

print(process_model_args(sys.argv[2])[1])
