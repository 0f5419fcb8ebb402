"""Flows: read the books, call the rules, write; one file a story."""
