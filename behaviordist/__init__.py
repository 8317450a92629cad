"""behaviordist: distances between model behaviors, transfer cost, and a test of the two."""

__version__ = "0.1.0"
