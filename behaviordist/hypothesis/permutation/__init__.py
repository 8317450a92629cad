"""Relabellings, and the ranks and products that are taken under many of them at once."""
