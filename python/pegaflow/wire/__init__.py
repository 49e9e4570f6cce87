"""What the scheduler side and the workers say to each other, as packed bytes inside vLLM's own
messages.
"""
