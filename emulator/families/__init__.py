"""Families of laws, a folder each: all that the engine and the measurements ask of the laws of one kind.

`base` says what that is; a law names its family (`emulator.laws.Law.family`), and `emulator.laws.family_of` finds it.
"""
