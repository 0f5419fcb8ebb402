"""The rules of placement."""
