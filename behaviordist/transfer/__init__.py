"""What it costs to turn one behavior into another: curves, censoring, matrices."""
