"""libpega.so through ctypes: the pool's memory as one process of an engine has it, and copies."""
