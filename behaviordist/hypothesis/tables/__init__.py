"""What users hand in, as labelled pairs: matrices, long tables of runs, censored costs."""
