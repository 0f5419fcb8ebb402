"""What each supplier sells: one supplier, one file."""
