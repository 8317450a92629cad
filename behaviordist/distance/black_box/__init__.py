"""Two behaviors that only answer: a two-sample test, and what their likeliest tokens bound."""
