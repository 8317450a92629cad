"""Checkpoints of the lab, run in JAX."""
