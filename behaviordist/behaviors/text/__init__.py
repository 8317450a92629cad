"""From texts to token ids and bytes: what a model's own files make of them."""
