"""Rules about what we have bought: contracts, lines, events, imports."""
