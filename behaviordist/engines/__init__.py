"""What executes a regime: `jax` for the lab, `trl` for Hugging Face models."""
