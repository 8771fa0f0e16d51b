"""Scenarios that come with Backwave: TOML files to run, read and copy."""
