"""A stand-in for MLC-LLM that requests models in the same places and ways, and does nothing else."""
