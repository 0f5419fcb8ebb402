"""Decides and remembers: rules, store, flows, ways in."""
