"""The rules of owned capacity."""
