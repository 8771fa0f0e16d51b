"""Hardware models with sourced presets: delay, noise, precision, mismatch, devices, faults and energy.

The package knows numbers, their units, ranges and sources, and how to sample them; it knows nothing of
networks or simulators.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
