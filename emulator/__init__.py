"""Backwave: can a physical substrate train neural networks by scattering waves?

The main path, top to bottom: describe a `Network`, compile it for a substrate with `compile_network` (the compiler is
the list `emulator.compile.PASSES`), let it `settle` in brian2, and compare with the exact `reference`; or let it learn
there with `train`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
