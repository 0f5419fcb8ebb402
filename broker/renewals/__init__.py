"""Rules about what ends soon: notice, quotes, briefs."""
