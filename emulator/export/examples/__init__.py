"""Cells at transistor level that come with Backwave, and the script that sizes them."""
