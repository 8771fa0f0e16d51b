"""Experiments: questions that many runs of one scenario answer, each with its figure and its table.

What a section of a scenario asks for (`EXPERIMENTS`) is a function in a folder of its own: it says which points are to be
run and what is measured at each, and makes findings of them. They are run and kept as those of a study are.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
