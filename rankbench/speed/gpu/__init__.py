"""How fast the engine is on a GPU: the same rows as on the CPU, and what of the card's own rates it reaches.

Everything takes a device, and runs on the CPU as well, where it says nothing of a GPU but that it works.
"""
