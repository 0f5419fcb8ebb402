"""One file a noun; each route calls one flow."""
