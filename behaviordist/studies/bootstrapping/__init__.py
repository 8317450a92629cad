"""What pre-training pays for, and where."""
