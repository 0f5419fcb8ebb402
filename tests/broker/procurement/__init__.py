"""The rules of procurement."""
