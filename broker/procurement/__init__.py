"""Rules: what to buy, renew or leave over the coming months, and by when."""
