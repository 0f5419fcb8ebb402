"""Rules about whom to tell what, when, and only once."""
