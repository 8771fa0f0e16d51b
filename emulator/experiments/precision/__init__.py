"""Errors against word length and receiver noise."""
