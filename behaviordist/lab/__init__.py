"""The microworld: a language of letter strings, and the small Llamas that learn it."""
