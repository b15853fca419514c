"""Consilience: methods for learning and reasoning from evidence, each with its paper's claims as something that runs.

The methods live in `consilience.methods`, one package each; ``consilience list`` names them. Importing this package
loads none of them.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
