"""Rules: who owns what, and who may use it."""
