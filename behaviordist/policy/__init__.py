"""What a candidate must be shown to hold: several metrics, each with a margin, decided together."""
