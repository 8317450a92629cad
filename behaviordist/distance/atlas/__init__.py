"""Atlases: folders of fingerprints that grow, with a matrix a kind."""
