"""Commands that tune: `transfer`, `train`, and `regimes`, which declare what is tuned for."""
