"""Regimes: what a training algorithm is, declared; what it asks, loses and rewards."""
