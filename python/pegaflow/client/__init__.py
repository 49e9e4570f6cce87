"""The gRPC side: what this process says to the server, and what it does when there is none."""
