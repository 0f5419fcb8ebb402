"""Schema changes, oldest first under `versions`."""
