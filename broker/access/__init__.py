"""Rules of access: scopes, the roles that bundle them, and the form of an API key."""
