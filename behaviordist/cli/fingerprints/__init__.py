"""Commands of fingerprints: making them, and reading a folder of them."""
