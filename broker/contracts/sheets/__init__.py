"""Contract sheets: the bytes a supplier or a buyer sends, read without a guess."""
