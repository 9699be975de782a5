"""Private helpers that no subpackage owns."""
