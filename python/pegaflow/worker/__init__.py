"""The connector in each of vLLM's workers: copies blocks between its KV cache and the pool."""
