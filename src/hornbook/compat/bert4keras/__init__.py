"""The modules of bert4keras 0.11.5, on hornbook's layers and Keras 3.

Reference: https://github.com/bojone/bert4keras
"""

__version__ = "0.11.5"
