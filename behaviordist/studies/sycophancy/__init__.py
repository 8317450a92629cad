"""A policy that agrees: which training brings it, which takes it away."""
