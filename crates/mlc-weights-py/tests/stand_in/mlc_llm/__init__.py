"""Stands in for MLC-LLM: asks for models at the places and in the ways in which it does, and does nothing else."""
