"""Commands where a model only answers."""
