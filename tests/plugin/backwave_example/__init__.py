"""A plug-in with one part of every kind, as its author would write it: a module each, and entry points that name them."""
