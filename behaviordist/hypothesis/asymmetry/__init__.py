"""What of costs is the same both ways, and what is not."""
