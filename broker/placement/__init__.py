"""Rules: what to run where, so that it is cheapest and stays up when any one provider is lost."""
