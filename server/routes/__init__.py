"""The endpoints under /v1, one module for each thing they are about."""
