"""HTTP: the API and its typed client."""
