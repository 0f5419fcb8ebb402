"""What each supplier is tried against: one file a supplier, named as the supplier's own file."""
