"""From a statistic to a conclusion: null, intervals, baselines, ceiling, result, verdict."""
