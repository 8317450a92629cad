"""Models that `transformers` runs: folders, hub ids, adapters, GGUF files, models in memory."""
