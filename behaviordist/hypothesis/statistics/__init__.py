"""What is computed from costs and predictors of pairs: one file a statistic."""
