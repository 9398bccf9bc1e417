"""shiphorn: one application to deploy all applications."""

__version__ = "0.1.0"
