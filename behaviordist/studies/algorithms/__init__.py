"""What was trained against how: which of the two says what tuning costs."""
