"""Sends alerts out: log, signed JSON webhook, and everything Apprise reaches."""
