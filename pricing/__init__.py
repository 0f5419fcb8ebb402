"""What a price means: pure, standard library only."""
