"""One figure a file: each takes plain tables and returns a matplotlib figure."""
