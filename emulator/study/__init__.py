"""Studies: many runs with one thing changed from run to run, kept in a store, and what they show together.

From a file to a store: `load_study` and `run_study`; from a store to a page: `write_report`; to columns: `Store`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
