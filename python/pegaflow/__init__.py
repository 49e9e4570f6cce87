"""The vLLM connector of pega: vLLM loads `pegaflow.connector`. This alone loads nothing else."""

__version__ = "0.1.0"
