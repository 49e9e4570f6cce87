"""The connector in vLLM's EngineCore: what is asked of the server, and what of the workers."""
