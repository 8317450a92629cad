"""How far inference settings move a behavior."""
