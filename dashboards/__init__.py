"""Shows the books through the typed API client."""
