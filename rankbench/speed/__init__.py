"""How fast the engine is: every stage against plain torch and against the machine, measured in one process.

Two baselines stand beside the engine, both plain torch: *published*, what the published code of these losses does, and
*plain*, the best that straightforward torch can do. They take turns with the engine, so that what disturbs the machine
disturbs all of them, and what is reported are medians and their ratios.
"""
