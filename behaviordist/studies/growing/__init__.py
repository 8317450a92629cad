"""Models made larger: what it keeps of the function, and what it saves."""
