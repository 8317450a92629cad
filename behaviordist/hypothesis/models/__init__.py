"""The same question asked of regressions: Cox, mixed effects, MRQAP."""
